import data from "./data.ts";
import type { Experiment } from "./experiment.ts";
import gan from "./gan.ts";
import inpainting from "./inpainting.ts";
import language from "./language.ts";
import lightweight from "./lightweight.ts";
import pretrain from "./pretrain.ts";
import regularisation from "./regularisation.ts";
import transfer from "./transfer.ts";
import vae from "./vae.ts";

/** All experiments, in reading order. */
export const experiments: readonly Experiment[] = [
  data,
  inpainting,
  pretrain,
  transfer,
  regularisation,
  lightweight,
  vae,
  gan,
  language,
];
