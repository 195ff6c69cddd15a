import type { OperatorTable } from "../operator.ts";
import { ACTIVATION } from "./activation.ts";
import { ARITHMETIC } from "./arithmetic.ts";
import { ATTENTION } from "./attention.ts";
import { CONTROL } from "./control.ts";
import { CONVOLUTION } from "./convolution.ts";
import { CREATION } from "./creation.ts";
import { DETECTION } from "./detection.ts";
import { FUNCTIONS } from "./functions.ts";
import { GATHER } from "./gather.ts";
import { GRID } from "./grid.ts";
import { LOGIC } from "./logic.ts";
import { MATMUL } from "./matmul.ts";
import { MOVEMENT } from "./movement.ts";
import { NORMALIZATION } from "./normalization.ts";
import { POOLING } from "./pooling.ts";
import { RANDOM } from "./random.ts";
import { REARRANGEMENT } from "./rearrange.ts";
import { RECURRENT } from "./recurrent.ts";
import { REDUCE } from "./reduce.ts";
import { REFUSED } from "./refused.ts";
import { RESIZE } from "./resize.ts";
import { SCATTER } from "./scatter.ts";
import { SELECTION } from "./selection.ts";
import { SIGNAL } from "./signal.ts";
import { SOFTMAX } from "./softmax.ts";

/** All operators of ONNX's own domain. */
export const OPERATORS: OperatorTable = {
  ...ACTIVATION,
  ...ARITHMETIC,
  ...ATTENTION,
  ...CONTROL,
  ...CONVOLUTION,
  ...CREATION,
  ...DETECTION,
  ...FUNCTIONS,
  ...GATHER,
  ...GRID,
  ...LOGIC,
  ...MATMUL,
  ...MOVEMENT,
  ...NORMALIZATION,
  ...POOLING,
  ...RANDOM,
  ...REARRANGEMENT,
  ...RECURRENT,
  ...REDUCE,
  ...REFUSED,
  ...RESIZE,
  ...SCATTER,
  ...SELECTION,
  ...SIGNAL,
  ...SOFTMAX,
};
