import { type Tensor, tensor } from "wasmgrad";
import { Gru } from "../../../src/ops/recurrent/gru.ts";
import { Lstm } from "../../../src/ops/recurrent/lstm.ts";
import { Rnn } from "../../../src/ops/recurrent/rnn.ts";
import { apply } from "../../../src/tensor/apply.ts";
import { at, build, type OpCase, type Ref } from "../case.ts";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

type Kind = "lstm" | "gru" | "rnn" | "rnnRelu";
const GATES: Record<Kind, number> = { lstm: 4, gru: 3, rnn: 1, rnnRelu: 1 };

/** One step of one sample: the new h and c from the gates of the input and of the state. */
function stepOf(kind: Kind, size: number, gx: number[], hg: number[], h: number[], c: number[]) {
  const part = (gate: number, k: number) => gx[gate * size + k] + hg[gate * size + k];
  const each = (value: (k: number) => number) => Array.from({ length: size }, (_, k) => value(k));
  if (kind === "rnn") return { h: each((k) => Math.tanh(part(0, k))), c };
  if (kind === "rnnRelu") return { h: each((k) => Math.max(part(0, k), 0)), c };
  if (kind === "gru") {
    const z = each((k) => sigmoid(part(1, k)));
    const n = each((k) => Math.tanh(gx[2 * size + k] + sigmoid(part(0, k)) * hg[2 * size + k]));
    return { h: each((k) => (1 - z[k]) * n[k] + z[k] * h[k]), c };
  }
  const next = each((k) => sigmoid(part(1, k)) * c[k] + sigmoid(part(0, k)) * Math.tanh(part(2, k)));
  return { h: each((k) => sigmoid(part(3, k)) * Math.tanh(next[k])), c: next };
}

function reference(kind: Kind, reverse: boolean, lengths: number[] | undefined, inputs: Ref[]): Ref {
  const [gx, weight, h0] = inputs;
  const c0 = kind === "lstm" ? inputs[3] : h0;
  const bias = kind === "gru" ? inputs[3] : undefined;
  const [steps, batch, width] = gx.shape;
  const size = weight.shape[1];
  const row = (x: Ref, ...index: number[]) => Array.from({ length: x.shape.at(-1)! }, (_, k) => at(x, ...index, k));
  const rows: number[][][] = Array.from({ length: steps + (kind === "lstm" ? 2 : 1) }, () => []);
  for (let n = 0; n < batch; n++) {
    let [h, c] = [row(h0, n), row(c0, n)];
    for (let i = 0; i < steps; i++) {
      const t = reverse ? steps - 1 - i : i;
      const isOver = lengths !== undefined && t >= lengths[n];
      if (!isOver) {
        const hg = Array.from({ length: width }, (_, j) =>
          h.reduce((sum, value, k) => sum + value * at(weight, j, k), bias ? at(bias, j) : 0),
        );
        ({ h, c } = stepOf(kind, size, row(gx, t, n), hg, h, c));
      }
      rows[t][n] = isOver ? h.map(() => 0) : h;
    }
    rows[steps][n] = h;
    if (kind === "lstm") rows[steps + 1][n] = c;
  }
  return build([rows.length, batch, size], (t, n, k) => rows[t][n][k]);
}

function recurrent(
  kind: Kind,
  [steps, batch, size]: [number, number, number],
  more: { reverse?: boolean; lengths?: number[]; bias?: boolean } = {},
): OpCase {
  const { reverse = false, lengths, bias = true } = more;
  const width = GATES[kind] * size;
  const run = (...inputs: Tensor[]) => {
    const over = lengths ? tensor(lengths, { dtype: "int32" }) : null;
    const [gx, weight, h, other] = inputs;
    if (kind === "lstm") return apply(new Lstm(reverse), gx, weight, h, other, over);
    if (kind === "gru") return apply(new Gru(reverse), gx, weight, h, other ?? null, over);
    return apply(new Rnn(kind === "rnn" ? "tanh" : "relu", reverse), gx, weight, h, over);
  };
  const inputs = [
    { shape: [steps, batch, width] },
    { shape: [width, size], low: -1, high: 1 },
    { shape: [batch, size] },
  ];
  if (kind === "lstm") inputs.push({ shape: [batch, size] });
  if (kind === "gru" && bias) inputs.push({ shape: [width] });
  const options = `${reverse ? " reverse" : ""}${lengths ? ` lengths ${lengths}` : ""}${bias ? "" : " no bias"}`;
  return {
    name: `${kind} [${steps},${batch},${width}]${options}`,
    inputs,
    run,
    reference: (...refs) => reference(kind, reverse, lengths, refs),
    tolerance: 5e-6,
    gradTolerance: 5e-5,
  };
}

export const recurrentCases: OpCase[] = (["lstm", "gru", "rnn"] as const).flatMap((kind) => [
  recurrent(kind, [3, 2, 5]),
  recurrent(kind, [4, 3, 4], { reverse: true }),
  recurrent(kind, [4, 3, 3], { lengths: [2, 4, 0] }),
  recurrent(kind, [4, 3, 6], { lengths: [1, 3, 4], reverse: true }),
  recurrent(kind, [1, 1, 1]),
  recurrent(kind, [1, 0, 3]),
]);
recurrentCases.push(recurrent("gru", [3, 2, 4], { bias: false }), recurrent("rnnRelu", [3, 2, 5]));
