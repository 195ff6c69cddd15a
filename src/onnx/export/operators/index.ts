import { LinearMap } from "../../../ops/core/linear_map.ts";
import type { Op } from "../../../ops/core/op.ts";
import { Expand } from "../../../ops/movement/expand.ts";
import { Positions } from "../../../ops/movement/positions.ts";
import { Reshape } from "../../../ops/movement/reshape.ts";
import { View } from "../../../ops/movement/view.ts";
import type { OperatorWriter } from "../operator_writer.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { IMAGE } from "./image.ts";
import { LAYERS } from "./layers.ts";
import { LOSSES } from "./losses.ts";
import { expand, MOVEMENT, positions, reshape, view } from "./movement.ts";
import { REDUCE } from "./reduce.ts";

const WRITERS: Readonly<Record<string, OperatorWriter>> = {
  ...ELEMENTWISE,
  ...MOVEMENT,
  ...REDUCE,
  ...LAYERS,
  ...LOSSES,
  ...IMAGE,
};

const RECURRENT = ["lstm", "gru", "rnn"];

const NO_OPERATOR = "ONNX has no such operator";
const BY_VALUES = "the shape of its result depends on elements, not on shapes alone";

/** Operations that are not exported, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  erfinv: NO_OPERATOR,
  lgamma: NO_OPERATOR,
  digamma: NO_OPERATOR,
  polygamma: NO_OPERATOR,
  cumprod: NO_OPERATOR,
  cummax: NO_OPERATOR,
  cummin: NO_OPERATOR,
  mode: NO_OPERATOR,
  nanmedian: NO_OPERATOR,
  histc: NO_OPERATOR,
  maskedScatter: NO_OPERATOR,
  maskedSelect: BY_VALUES,
  nonzero: BY_VALUES,
  unique: BY_VALUES,
  bincount: BY_VALUES,
  convPass: "the gradient of an operation is not exported",
  dropout: "it drops elements at random: call eval() on the model first",
};

/** Why an operation cannot be exported, or null. Known before the operation runs. */
export function refusalOf(op: Op, inputs: readonly unknown[] = []): string | null {
  if (op instanceof View || op instanceof Reshape || op instanceof Expand || op instanceof Positions) return null;
  if (op.name === "batchNorm" && op.attributes.training === true && (inputs[3] ?? null) !== null) {
    return "it runs in training mode: call eval() on the model first";
  }
  // a linear map of a gradient has the name of the operation whose gradient it computes
  if (op instanceof LinearMap) return "the gradient of an operation is not exported";
  if (op.name in REFUSED) return REFUSED[op.name];
  return op.name in WRITERS || RECURRENT.includes(op.name) ? null : NO_OPERATOR;
}

/** The writer of an operation, or undefined for the recurrent ones. */
export function writerOf(op: Op): OperatorWriter | undefined {
  if (op instanceof View) return view;
  if (op instanceof Reshape) return reshape;
  if (op instanceof Expand) return expand;
  if (op instanceof Positions) return positions;
  return WRITERS[op.name];
}
