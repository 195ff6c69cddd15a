import { GruOp, LstmOp, RnnOp } from "../../gradients/rules/recurrent.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { linear } from "./linear.ts";

/** The parameters of one direction of a layer, or of a cell. */
export interface GateWeights {
  weightIh: Tensor;
  weightHh: Tensor;
  biasIh: Tensor | null;
  biasHh: Tensor | null;
}

export type RecurrentKind = "LSTM" | "GRU" | "RNN_TANH" | "RNN_RELU";

/** Gates of each kind. */
export const GATES: Readonly<Record<RecurrentKind, number>> = { LSTM: 4, GRU: 3, RNN_TANH: 1, RNN_RELU: 1 };

/**
 * Runs one direction of a layer over x [T,N,I]. Returns the outputs [T,N,H] and the states after the last
 * step, [N,H] each: h, and for an LSTM c.
 */
export function runDirection(
  kind: RecurrentKind,
  x: Tensor,
  { weightIh, weightHh, biasIh, biasHh }: GateWeights,
  states: readonly Tensor[],
  lengths: Tensor | null,
  reverse: boolean,
): { output: Tensor; states: Tensor[] } {
  const steps = x.shape[0];
  // a GRU multiplies one gate of the state's product by another, so its bias cannot be moved to the input's
  const bias = kind === "GRU" || !biasIh || !biasHh ? biasIh : biasIh.add(biasHh);
  const gx = linear(x, weightIh, bias);
  let rows: Tensor;
  if (kind === "LSTM") rows = apply(new LstmOp(reverse), gx, weightHh, states[0], states[1], lengths);
  else if (kind === "GRU") rows = apply(new GruOp(reverse), gx, weightHh, states[0], biasHh, lengths);
  else rows = apply(new RnnOp(kind === "RNN_RELU" ? "relu" : "tanh", reverse), gx, weightHh, states[0], lengths);
  return {
    output: rows.narrow(0, 0, steps),
    states: states.map((_, i) => rows.select(0, steps + i)),
  };
}
