import type { OperatorTable } from "../operator.ts";
import { ACTIVATION } from "./activation.ts";
import { ARITHMETIC } from "./arithmetic.ts";
import { CONTROL } from "./control.ts";
import { CREATION } from "./creation.ts";
import { FUNCTIONS } from "./functions.ts";
import { GATHER } from "./gather.ts";
import { LOGIC } from "./logic.ts";
import { MOVEMENT } from "./movement.ts";
import { RANDOM } from "./random.ts";
import { REARRANGEMENT } from "./rearrange.ts";
import { REDUCE } from "./reduce.ts";
import { RESIZE } from "./resize.ts";
import { SCATTER } from "./scatter.ts";
import { SELECTION } from "./selection.ts";

/** All operators of ONNX's own domain. */
export const OPERATORS: OperatorTable = {
  ...ACTIVATION,
  ...ARITHMETIC,
  ...CONTROL,
  ...CREATION,
  ...FUNCTIONS,
  ...GATHER,
  ...LOGIC,
  ...MOVEMENT,
  ...RANDOM,
  ...REARRANGEMENT,
  ...REDUCE,
  ...RESIZE,
  ...SCATTER,
  ...SELECTION,
};
