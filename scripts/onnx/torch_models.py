"""Architectures that the scripts in this folder export: those of torchvision, and small ones made here."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models as tv
from torchvision.models import segmentation as seg


def conv_block(inputs, outputs):
    layers = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Two levels; one is upsampled by a transposed convolution, the other by bilinear interpolation."""

    def __init__(self, c=8):
        super().__init__()
        self.down1, self.down2, self.down3 = conv_block(3, c), conv_block(c, 2 * c), conv_block(2 * c, 4 * c)
        self.up2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.reduce, self.out = nn.Conv2d(2 * c, c, 1), nn.Conv2d(c, 2, 1)
        self.join2, self.join1 = conv_block(4 * c, 2 * c), conv_block(2 * c, c)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.down3(F.max_pool2d(b, 2))
        b = self.join2(torch.cat([self.up2(c), b], 1))
        return self.out(self.join1(torch.cat([self.reduce(self.up1(b)), a], 1)))


class SmallResNet(nn.Module):
    """A convolution, a residual block, a classifier."""

    def __init__(self, c=8):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c)
        self.block = nn.Sequential(
            nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c),
        )  # fmt: skip
        self.head = nn.Linear(c, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        x = F.relu(x + self.block(x))
        return self.head(x.mean((2, 3)))


class Block(nn.Module):
    """A block of GPT: attention that sees only what comes before, and two linear layers."""

    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (
            part.view(b, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(c, 2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary=65, length=32, d=64, heads=4, layers=2):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
        self.blocks = nn.Sequential(*[Block(d, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocabulary, bias=False)

    def forward(self, tokens):
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        return self.head(self.norm(self.blocks(self.token(tokens) + self.position(positions))))


class Recurrent(nn.Module):
    """Embedding, two bidirectional layers of LSTM or GRU, a linear layer."""

    def __init__(self, kind=nn.LSTM, vocabulary=50, d=16, hidden=32, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, d)
        self.rnn = kind(d, hidden, num_layers=layers, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, vocabulary)

    def forward(self, tokens):
        return self.head(self.rnn(self.embedding(tokens))[0])


class TransformerEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2)
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(64, 128, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2, 2),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(128, 64, 2, 2), nn.ReLU(), nn.ConvTranspose2d(64, 3, 2, 2), nn.Sigmoid()
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Segmentation(nn.Module):
    """A model of torchvision.models.segmentation, which returns a dictionary."""

    def __init__(self, make):
        super().__init__()
        self.model = make(weights=None, weights_backbone=None)

    def forward(self, x):
        return self.model(x)["out"]


def images(size):
    """Pictures that differ as photographs do: in brightness, contrast, large shapes and fine detail."""

    def make(batch):
        shapes = F.interpolate(torch.randn(batch, 3, 5, 5), (size, size), mode="bicubic")
        detail = torch.randn(batch, 3, size, size) * torch.rand(batch, 1, 1, 1)
        return (shapes + detail) * (0.2 + torch.rand(batch, 1, 1, 1)) + torch.randn(batch, 3, 1, 1)

    return make


def tokens(count, length):
    return lambda batch: torch.randint(0, count, (batch, length))


def small_vit():
    return tv.VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128)


# name: (module, inputs of a batch)
ARCHITECTURES = {
    "resnet18": (tv.resnet18, images(64)),
    "mobilenet_v2": (tv.mobilenet_v2, images(64)),
    "mobilenet_v3_small": (tv.mobilenet_v3_small, images(64)),
    "efficientnet_b0": (tv.efficientnet_b0, images(64)),
    "squeezenet1_1": (tv.squeezenet1_1, images(64)),
    "densenet121": (tv.densenet121, images(64)),
    "shufflenet_v2_x0_5": (tv.shufflenet_v2_x0_5, images(64)),
    "mnasnet0_5": (tv.mnasnet0_5, images(64)),
    "regnet_y_400mf": (tv.regnet_y_400mf, images(64)),
    "googlenet": (lambda: tv.googlenet(aux_logits=False, init_weights=False), images(64)),
    "inception_v3": (lambda: tv.inception_v3(aux_logits=False, init_weights=False), images(107)),
    "convnext_tiny": (tv.convnext_tiny, images(64)),
    "swin_t": (tv.swin_t, images(64)),
    "vit_small": (small_vit, images(32)),
    "unet": (UNet, images(32)),
    "autoencoder": (Autoencoder, images(32)),
    "fcn_resnet50": (lambda: Segmentation(seg.fcn_resnet50), images(64)),
    "deeplabv3_mobilenet_v3": (lambda: Segmentation(seg.deeplabv3_mobilenet_v3_large), images(64)),
    "lraspp_mobilenet_v3": (lambda: Segmentation(seg.lraspp_mobilenet_v3_large), images(64)),
    "gpt": (GPT, tokens(65, 16)),
    "lstm": (Recurrent, tokens(50, 7)),
    "gru": (lambda: Recurrent(nn.GRU), tokens(50, 7)),
    "transformer_encoder": (TransformerEncoder, lambda batch: torch.randn(batch, 6, 32)),
}

# small enough to be files of the tests
SMALL = {
    "small_resnet": (SmallResNet, images(12)),
    "small_lstm": (lambda: Recurrent(nn.LSTM, 20, 4, 6, 1), tokens(20, 5)),
    "small_gpt": (lambda: GPT(20, 8, 16, 2, 1), tokens(20, 6)),
}
