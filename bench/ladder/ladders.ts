import { convTranspose2dLadder } from "./conv_transpose2d.ts";
import { conv2dLadder } from "./conv2d.ts";
import { matmulLadder } from "./matmul.ts";
import { maxPool2dLadder } from "./pool2d.ts";
import { sumLadder } from "./reduce.ts";
import type { Ladder } from "./rung.ts";
import { softmaxLadder } from "./softmax.ts";

/** All ladders, in reading order. */
export const ladders = [
  matmulLadder,
  conv2dLadder,
  convTranspose2dLadder,
  maxPool2dLadder,
  softmaxLadder,
  sumLadder,
] as Ladder[];
