# cspell:ignore fasterrcnn maxvit Deberta embd Qwen Dinov Segformer Siglip Yolos Encodec
"""Architectures of torchvision, timm and transformers with random weights, for compare_torch.py --libraries.

    pip install torchvision timm transformers
"""

import inspect

import timm
import torch
import transformers as tf
from torch import nn
from torch_models import Segmentation, images, tokens
from torchvision import models as tv
from torchvision.models import detection, segmentation, video


class Output(nn.Module):
    """One tensor of a model that returns several: by key, or a function of what it returns."""

    def __init__(self, model, pick, names=("x",), **options):
        super().__init__()
        self.model, self.pick, self.names, self.options = model, pick, names, options

    def forward(self, x, x1=None, x2=None):
        given = dict(zip(self.names, (x, x1, x2)))
        result = self.model(**given, **self.options)
        return self.pick(result) if callable(self.pick) else result[self.pick]


class Features(nn.Module):
    """What a detector's backbone gives to its head: all levels of the pyramid, joined."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, x):
        return torch.cat([level.flatten(2) for level in self.backbone(x).values()], 2)


def pyramid():
    model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None)
    return Features(model.backbone)


def clips(batch):
    return images(32)(batch * 4).reshape(batch, 4, 3, 32, 32).transpose(1, 2)


def masked_tokens(count, length):
    """Tokens and a mask of those that are not padding."""

    def make(batch):
        lengths = torch.randint(2, length + 1, (batch, 1))
        return torch.randint(0, count, (batch, length)), (torch.arange(length) < lengths).long()

    return make


def language(config, kind, pick="last_hidden_state", names=("input_ids", "attention_mask"), **sizes):
    """A language model of two small layers."""

    def make():
        settings = config(**sizes)
        settings._attn_implementation = "eager"
        return Output(kind(settings), pick, names, **({"use_cache": False} if pick == "logits" else {}))

    return make


def torchvision_model(name, **options):
    make = getattr(tv, name)
    return lambda: make(weights=None, **options)


def timm_model(name, size=None, **options):
    """A model of timm for pictures of a size, where it can be chosen."""

    def make():
        settings = dict(num_classes=10, **options)
        if size is not None:
            settings["img_size"] = size
        return timm.create_model(name, pretrained=False, **settings)

    return make


TORCHVISION = {
    "alexnet": (torchvision_model("alexnet"), images(223)),
    "vgg11": (torchvision_model("vgg11"), images(224)),
    "resnet50": (torchvision_model("resnet50"), images(64)),
    "resnext50_32x4d": (torchvision_model("resnext50_32x4d"), images(64)),
    "wide_resnet50_2": (torchvision_model("wide_resnet50_2"), images(64)),
    "regnet_x_400mf": (torchvision_model("regnet_x_400mf"), images(64)),
    "mnasnet1_3": (torchvision_model("mnasnet1_3"), images(64)),
    "squeezenet1_0": (torchvision_model("squeezenet1_0"), images(64)),
    "shufflenet_v2_x1_0": (torchvision_model("shufflenet_v2_x1_0"), images(64)),
    "mobilenet_v3_large": (torchvision_model("mobilenet_v3_large"), images(64)),
    "efficientnet_b1": (torchvision_model("efficientnet_b1"), images(64)),
    "efficientnet_v2_s": (torchvision_model("efficientnet_v2_s"), images(64)),
    "maxvit_t": (lambda: tv.maxvit.MaxVit((64, 64), 16, 4, [16, 32], [2, 2], 8, 0.0), images(64)),
    "swin_v2_t": (torchvision_model("swin_v2_t"), images(64)),
    "densenet169": (torchvision_model("densenet169"), images(64)),
    "deeplabv3_resnet50": (lambda: Segmentation(segmentation.deeplabv3_resnet50), images(64)),
    "fasterrcnn_backbone": (pyramid, images(64)),
    "r3d_18": (lambda: video.r3d_18(weights=None), clips),
    "mc3_18": (lambda: video.mc3_18(weights=None), clips),
    "r2plus1d_18": (lambda: video.r2plus1d_18(weights=None), clips),
}

TIMM = {
    name: (timm_model(name, size if fixed else None), images(size))
    for name, size, fixed in [
        ("mobilevit_xxs", 64, False), ("mobilevitv2_050", 64, False), ("efficientformer_l1", 224, False),
        ("efficientformerv2_s0", 224, False), ("levit_128s", 224, False), ("mixer_s32_224", 64, True),
        ("convmixer_768_32", 32, False), ("edgenext_xx_small", 64, False), ("ghostnet_050", 64, False),
        ("ghostnetv2_100", 64, False), ("repvgg_a0", 64, False), ("hrnet_w18_small", 64, False),
        ("nfnet_l0", 64, False), ("dm_nfnet_f0", 64, False), ("beit_base_patch16_224", 64, True),
        ("deit_tiny_patch16_224", 64, True), ("deit3_small_patch16_224", 64, True), ("cait_xxs24_224", 64, True),
        ("xcit_nano_12_p16_224", 64, False), ("coat_tiny", 64, True), ("coat_lite_tiny", 64, True),
        ("poolformer_s12", 64, False), ("poolformerv2_s12", 64, False), ("tiny_vit_5m_224", 224, False),
        ("mobileone_s0", 64, False), ("fastvit_t8", 64, False), ("repvit_m0_9", 64, False),
        ("efficientvit_b0", 64, False), ("efficientvit_m0", 224, False), ("convnextv2_atto", 64, False),
        ("gmlp_s16_224", 64, True), ("resmlp_12_224", 64, True), ("crossvit_tiny_240", 240, False),
        ("pit_ti_224", 224, False), ("pvt_v2_b0", 64, False), ("twins_svt_small", 64, True),
        ("gcvit_xxtiny", 224, False), ("inception_next_tiny", 64, False), ("mobilenetv4_conv_small", 64, False),
        ("mobilenetv4_hybrid_medium", 64, False), ("lcnet_050", 64, False), ("tinynet_e", 64, False),
        ("fbnetc_100", 64, False), ("mixnet_s", 64, False), ("rexnet_100", 64, False), ("res2net50_14w_8s", 64, False),
        ("resnest14d", 64, False), ("skresnet18", 64, False), ("legacy_seresnet18", 64, False),
        ("ecaresnet26t", 64, False), ("selecsls42", 64, False), ("dla34", 64, False), ("dpn48b", 64, False),
        ("cspresnet50", 64, False), ("cspdarknet53", 64, False), ("darknet53", 64, False), ("vovnet39a", 64, False),
        ("ese_vovnet19b_dw", 64, False), ("xception41", 64, False), ("inception_v4", 107, False),
        ("inception_resnet_v2", 107, False), 
        ("bat_resnext26ts", 64, False), ("halonet26t", 64, False), ("lambda_resnet26t", 64, False),
        ("botnet26t_256", 256, False), ("sebotnet33ts_256", 256, False), ("visformer_tiny", 224, False),
        ("swinv2_cr_tiny_224", 64, True), ("maxxvit_rmlp_nano_rw_256", 256, False), ("coatnet_nano_rw_224", 224, False),
        ("volo_d1_224", 64, True), ("sequencer2d_s", 64, False), ("focalnet_tiny_srf", 64, False),
        ("davit_tiny", 64, False), ("nest_tiny", 64, True), ("eva02_tiny_patch14_224", 56, True),
        ("vit_small_patch16_rope_224", 64, True), ("hiera_tiny_224", 224, False), ("rdnet_tiny", 64, False),
        ("mambaout_femto", 64, False), ("starnet_s1", 64, False), ("hgnet_tiny", 64, False), ("hgnetv2_b0", 64, False),
        ("tresnet_m", 64, False), ("gernet_s", 64, False), ("resnetv2_50", 64, False), ("resnetv2_50x1_bit", 64, False),
        ("shvit_s1", 224, False), ("swiftformer_xs", 224, False), ("caformer_s18", 64, False),
        ("convformer_s18", 64, False), ("nextvit_small", 64, False),
        ("samvit_base_patch16_224", 64, True), ("vit_relpos_small_patch16_224", 64, True),
        ("naflexvit_base_patch16_gap", 64, False), ("csatv2", 64, False), ("vitamin_small_224", 64, True),
        ("test_vit", 64, True), ("test_resnet", 64, False), ("test_efficientnet", 64, False), ("test_byobnet", 64, False),
    ]
}  # fmt: skip

SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 60}


def generative(config, kind, **sizes):
    return language(config, kind, "logits", **{**SMALL, **sizes})


T5 = {"vocab_size": 60, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
WAVES = {
    "conv_dim": (16, 16, 16), "conv_kernel": (10, 3, 3), "conv_stride": (5, 2, 2), "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "mask_time_prob": 0.0, "layerdrop": 0.0,
}  # fmt: skip
VISION = {"image_size": 32, "patch_size": 8}


def vision(config, kind, pick="last_hidden_state", names=("pixel_values",), **sizes):
    return language(config, kind, pick, names, **{**SMALL, **VISION, **sizes})


def sound(batch):
    return torch.randn(batch, 800)


text = masked_tokens(60, 9)

TRANSFORMERS = {
    "bert": (language(tf.BertConfig, tf.BertModel, **SMALL), text),
    "bert_classifier": (language(tf.BertConfig, tf.BertForSequenceClassification, lambda r: r.logits, **SMALL), text),
    "distilbert": (language(tf.DistilBertConfig, tf.DistilBertModel, vocab_size=60, dim=32, n_layers=2, n_heads=4, hidden_dim=64), text),
    "roberta": (language(tf.RobertaConfig, tf.RobertaModel, **SMALL), text),
    "albert": (language(tf.AlbertConfig, tf.AlbertModel, embedding_size=16, **SMALL), text),
    "electra": (language(tf.ElectraConfig, tf.ElectraModel, embedding_size=16, **SMALL), text),
    "mobilebert": (language(tf.MobileBertConfig, tf.MobileBertModel, embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16, **SMALL), text),
    "deberta_v2": (language(tf.DebertaV2Config, tf.DebertaV2Model, relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=8, max_position_embeddings=16, norm_rel_ebd="layer_norm", share_att_key=True, **SMALL), text),
    "mpnet": (language(tf.MPNetConfig, tf.MPNetModel, **SMALL), text),
    "modernbert": (language(tf.ModernBertConfig, tf.ModernBertModel, pad_token_id=0, **SMALL), text),
    "gpt2": (language(tf.GPT2Config, tf.GPT2LMHeadModel, "logits", vocab_size=60, n_embd=32, n_layer=2, n_head=4), text),
    "gpt_neox": (generative(tf.GPTNeoXConfig, tf.GPTNeoXForCausalLM), text),
    "gpt_neo": (language(tf.GPTNeoConfig, tf.GPTNeoForCausalLM, "logits", vocab_size=60, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]]), text),
    "opt": (language(tf.OPTConfig, tf.OPTForCausalLM, "logits", vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=64, word_embed_proj_dim=32), text),
    "bloom": (language(tf.BloomConfig, tf.BloomForCausalLM, "logits", vocab_size=60, hidden_size=32, n_layer=2, n_head=4), text),
    "llama": (generative(tf.LlamaConfig, tf.LlamaForCausalLM, num_key_value_heads=2), text),
    "mistral": (generative(tf.MistralConfig, tf.MistralForCausalLM, num_key_value_heads=2, sliding_window=4), text),
    "qwen2": (generative(tf.Qwen2Config, tf.Qwen2ForCausalLM, num_key_value_heads=2), text),
    "qwen3": (generative(tf.Qwen3Config, tf.Qwen3ForCausalLM, num_key_value_heads=2, head_dim=8), text),
    "gemma": (generative(tf.GemmaConfig, tf.GemmaForCausalLM, num_key_value_heads=1, head_dim=8), text),
    "phi": (generative(tf.PhiConfig, tf.PhiForCausalLM), text),
    "falcon": (generative(tf.FalconConfig, tf.FalconForCausalLM), text),
    "stablelm": (generative(tf.StableLmConfig, tf.StableLmForCausalLM, num_key_value_heads=4), text),
    "mamba": (language(tf.MambaConfig, tf.MambaForCausalLM, "logits", ("input_ids",), vocab_size=60, hidden_size=32, num_hidden_layers=2, state_size=4), tokens(60, 6)),
    "t5_encoder": (language(tf.T5Config, tf.T5EncoderModel, **T5), text),
    "t5": (language(tf.T5Config, tf.T5ForConditionalGeneration, "logits", ("input_ids", "attention_mask", "decoder_input_ids"), **T5), lambda batch: (*text(batch), torch.randint(0, 60, (batch, 5)))),
    "bart": (language(tf.BartConfig, tf.BartForConditionalGeneration, "logits", ("input_ids", "attention_mask", "decoder_input_ids"), vocab_size=60, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64), lambda batch: (*text(batch), torch.randint(0, 60, (batch, 5)))),
    "whisper_encoder": (lambda: Output(tf.WhisperModel(tf.WhisperConfig(vocab_size=60, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_source_positions=20, num_mel_bins=16, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)).encoder, "last_hidden_state", ("input_features",)), lambda batch: torch.randn(batch, 16, 40)),
    "wav2vec2": (language(tf.Wav2Vec2Config, tf.Wav2Vec2ForCTC, lambda r: r.logits, ("input_values",), **SMALL, **WAVES), sound),
    "hubert": (language(tf.HubertConfig, tf.HubertModel, "last_hidden_state", ("input_values",), **SMALL, **WAVES), sound),
    "vit": (vision(tf.ViTConfig, tf.ViTModel), images(32)),
    "dinov2": (vision(tf.Dinov2Config, tf.Dinov2Model), images(32)),
    "segformer": (lambda: Output(tf.SegformerForSemanticSegmentation(tf.SegformerConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16)), "logits", ("pixel_values",)), images(64)),
    "mobilevit": (lambda: Output(tf.MobileViTForSemanticSegmentation(tf.MobileViTConfig(image_size=64, hidden_sizes=[16, 24, 32], neck_hidden_sizes=[8, 8, 16, 16, 24, 24, 64])), "logits", ("pixel_values",)), images(64)),
    "clip_text": (language(tf.CLIPTextConfig, tf.CLIPTextModel, **SMALL), text),
    "clip_vision": (vision(tf.CLIPVisionConfig, tf.CLIPVisionModelWithProjection, "image_embeds", projection_dim=16), images(32)),
    "siglip_vision": (vision(tf.SiglipVisionConfig, tf.SiglipVisionModel, "pooler_output"), images(32)),
    "detr": (lambda: Output(tf.YolosForObjectDetection(tf.YolosConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=[32, 32], patch_size=8, num_detection_tokens=5)), "pred_boxes", ("pixel_values",)), images(32)),
    "depth_anything": (lambda: Output(tf.DPTForDepthEstimation(tf.DPTConfig(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=16, reassemble_factors=[4, 2, 1, 0.5], is_hybrid=False)), "predicted_depth", ("pixel_values",)), images(32)),
    "upernet_swin": (lambda: Output(tf.SwinModel(tf.SwinConfig(image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4)), "last_hidden_state", ("pixel_values",)), images(32)),
    "vits_like_encodec": (lambda: Output(tf.EncodecModel(tf.EncodecConfig(num_filters=4, hidden_size=16, codebook_dim=16, upsampling_ratios=[4, 2], num_lstm_layers=1)).encoder, lambda r: r, ("hidden_states",)), lambda batch: torch.randn(batch, 1, 320)),
}  # fmt: skip

LIBRARIES = {**TORCHVISION, **TIMM, **TRANSFORMERS}
