import "../tensor/all_methods.ts";

export { Classifier, evaluateClassifier, inEvalMode, type LabelledSet } from "./classifier.ts";
export { Contrastive, contrastiveAugmentation, ntXent } from "./contrastive.ts";
export { Encoder, type EncoderOptions } from "./encoder.ts";
export { embedAll, type Features } from "./features.ts";
export { meanWhere, patchify, pixelDecoder, unpatchify } from "./heads.ts";
export { linearProbe } from "./linear_probe.ts";
export { type MaskedTokens, maskTokens } from "./mask_tokens.ts";
export { MaskedPatches } from "./masked_patches.ts";
export { knnAccuracy } from "./nearest_neighbors.ts";
export { recalibrate } from "./recalibrate.ts";
export { Denoising, Inpainting, type InpaintingOptions, inpaintingMask, type MaskKind } from "./reconstruction.ts";
export { Rotation } from "./rotation.ts";
export { MultiTask, type PretextBatch, PretextTask, type TaskResult } from "./task.ts";
export { MASK, PAD, SPECIAL, UNK, WordTokenizer } from "./tokenizer.ts";
export { MaskedLanguageModel } from "./transformer.ts";
