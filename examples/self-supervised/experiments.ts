import type { Experiment } from "./experiment.ts";
import pretrain from "./pretrain.ts";

/** All experiments, in reading order. */
export const experiments: readonly Experiment[] = [pretrain];
