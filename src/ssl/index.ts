export { Classifier, evaluateClassifier, inEvalMode, type LabelledSet } from "./classifier.ts";
export { Contrastive, contrastiveAugmentation, ntXent } from "./contrastive.ts";
export { Encoder, type EncoderOptions } from "./encoder.ts";
export { meanWhere, patchify, pixelDecoder, unpatchify } from "./heads.ts";
export { MaskedPatches } from "./masked_patches.ts";
export { embedAll, type Features, knnAccuracy, linearProbe, recalibrate } from "./probes.ts";
export { Denoising, Inpainting, type InpaintingOptions, inpaintingMask, type MaskKind } from "./reconstruction.ts";
export { Rotation } from "./rotation.ts";
export { MultiTask, type PretextBatch, PretextTask, type TaskResult } from "./task.ts";
