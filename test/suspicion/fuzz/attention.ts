import { nn, type Tensor, tensor } from "wasmgrad";
import { type Input, makeInput } from "./check.ts";
import type { CaseMaker } from "./operations.ts";
import { type Random, sizeOf } from "./random.ts";
import type { Node, Tape } from "./tape.ts";

type Mask = { kind: "none" | "causal" | "bool" | "float"; shape: number[]; values: Float32Array };

const seen = ({ kind, values }: Mask, at: number) =>
  kind === "none" || (kind === "float" ? values[at] !== -Infinity : values[at] !== 0);

/** A mask over [L, S], or over a shape that ends in [L, S]; whole rows of it may be hidden. */
function drawMask(random: Random, kind: Mask["kind"], shape: number[]): Mask {
  const [queries, keys] = shape.slice(-2);
  const hiddenRow = random.integer(0, 2 * queries);
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, at) => {
    const [row, key] = [Math.floor(at / keys) % queries, at % keys];
    if (kind === "causal") return Number(key <= row);
    const visible = row !== hiddenRow && random.chance(0.7);
    return kind === "bool" ? Number(visible) : visible ? random.normal() : -Infinity;
  });
  return { kind, shape, values };
}

/** One query: the softmax over the visible scores, times the values. */
function attend(tape: Tape, scores: Node[], visible: boolean[], values: Node[][]): { y: Node[]; weights: Node[] } {
  const shown = scores.filter((_, i) => visible[i]);
  const total = shown.length > 0 ? tape.logSumExp(shown) : 0;
  const weights = scores.map((score, i) => (visible[i] ? tape.exp(tape.sub(score, total)) : tape.leaf(0)));
  const y = (values[0] ?? []).map((_, e) => tape.sum(weights.map((w, i) => tape.mul(w, values[i][e]))));
  return { y, weights };
}

const dot = (tape: Tape, a: Node[], b: Node[]) => tape.sum(a.map((x, i) => tape.mul(x, b[i])));

/** Rows of `width` nodes. */
const rows = (nodes: Node[], width: number) =>
  Array.from({ length: nodes.length / width }, (_, i) => nodes.slice(i * width, (i + 1) * width));

const scaledDotProduct: CaseMaker = (random, tape) => {
  const batch = random.pick([[], [2], [2, 2]]);
  const [queries, keys, features, width] = [1, 1, 1, 1].map(() => random.integer(1, 5));
  const kind = random.pick(["none", "causal", "bool", "float"] as const);
  const maskShape = [...(kind === "causal" || random.chance(0.5) ? [] : batch), queries, keys];
  const mask = drawMask(random, kind, maskShape);
  const scale = random.chance(0.5) ? null : random.pick([0.5, 2]);
  const draw = (...shape: number[]) => makeInput(tape, shape, random.normals(sizeOf(shape)));
  const [q, k, v] = [draw(...batch, queries, features), draw(...batch, keys, features), draw(...batch, keys, width)];
  const factor = Math.fround(scale ?? 1 / Math.sqrt(features));
  const outputs: Node[] = [];
  const [qRows, kRows, vRows] = [rows(q.nodes, features), rows(k.nodes, features), rows(v.nodes, width)];
  qRows.forEach((query, row) => {
    const image = Math.floor(row / queries);
    const here = (list: Node[][]) => list.slice(image * keys, (image + 1) * keys);
    const first = (maskShape.length > 2 ? row : row % queries) * keys;
    const scores = here(kRows).map((key, i) => {
      const score = dot(
        tape,
        query.map((x) => tape.scale(x, factor)),
        key,
      );
      return kind === "float" && seen(mask, first + i) ? tape.shift(score, mask.values[first + i]) : score;
    });
    const visible = scores.map((_, i) => seen(mask, first + i));
    outputs.push(...attend(tape, scores, visible, here(vRows)).y);
  });
  const attnMask = () => {
    if (kind === "none" || kind === "causal") return null;
    const made = tensor(mask.values, { shape: maskShape });
    return kind === "bool" ? made.bool() : made;
  };
  return {
    what: `scaledDotProductAttention [${q.shape}] [${k.shape}] [${v.shape}] mask ${kind} [${maskShape}] scale ${scale}`,
    inputs: [q, k, v],
    outputs,
    shape: [...batch, queries, width],
    run: ([q, k, v]) =>
      nn.functional.scaledDotProductAttention(q, k, v, { attnMask: attnMask(), isCausal: kind === "causal", scale }),
    slack: 16,
  };
};

/** x W^T + b of rows. */
function project(tape: Tape, list: Node[][], weight: Node[][], bias: Node[] | null): Node[][] {
  return list.map((x) =>
    weight.map((w, i) => {
      const product = dot(tape, x, w);
      return bias ? tape.add(product, bias[i]) : product;
    }),
  );
}

const multihead: CaseMaker = (random, tape) => {
  const heads = random.pick([1, 2, 3]);
  const size = random.integer(1, 3);
  const features = heads * size;
  const [images, queries, keys] = [random.integer(1, 2), random.integer(1, 4), random.integer(1, 4)];
  const [bias, batchFirst] = [random.chance(0.6), random.chance(0.5)];
  const isBatched = images > 1 || random.chance(0.6);
  const kind = random.pick(["none", "bool", "float"] as const);
  const perHead = isBatched && random.chance(0.5);
  const mask = drawMask(random, kind, [...(perHead ? [images * heads] : []), queries, keys]);
  const padded = isBatched && random.chance(0.4);
  const padding = Int32Array.from({ length: images * keys }, () => Number(padded && random.chance(0.3)));
  const order = (length: number) => (!isBatched ? [length] : batchFirst ? [images, length] : [length, images]);
  const draw = (shape: number[]): Input => makeInput(tape, shape, random.normals(sizeOf(shape)));
  const [q, k, v] = [queries, keys, keys].map((length) => draw([...order(length), features]));
  const [inWeight, outWeight] = [draw([3 * features, features]), draw([features, features])];
  const [inBias, outBias] = bias ? [draw([3 * features]), draw([features])] : [null, null];
  /** The rows of an image: consecutive in the batch, or every `images`-th row. */
  const of = (input: Input, image: number) => {
    const all = rows(input.nodes, features);
    const length = all.length / images;
    return Array.from({ length }, (_, i) => all[isBatched && !batchFirst ? i * images + image : image * length + i]);
  };
  const weights = rows(inWeight.nodes, features);
  const outputs: Node[] = [];
  const averages: Node[][] = [];
  for (let image = 0; image < images; image++) {
    const part = (input: Input, third: number) =>
      project(
        tape,
        of(input, image),
        weights.slice(third * features, (third + 1) * features),
        inBias?.nodes.slice(third * features, (third + 1) * features) ?? null,
      );
    const [qs, ks, vs] = [part(q, 0), part(k, 1), part(v, 2)];
    const joined = qs.map((query, row) =>
      Array.from({ length: heads }, (_, head) => {
        const own = (x: Node[]) => x.slice(head * size, (head + 1) * size);
        const first = ((perHead ? image * heads + head : 0) * queries + row) * keys;
        // a bool mask is 1 where a key must not be seen
        const isSeen = (i: number) => (kind === "bool" ? mask.values[first + i] === 0 : seen(mask, first + i));
        const scores = ks.map((key, i) => {
          const score = dot(
            tape,
            own(query).map((x) => tape.scale(x, 1 / Math.sqrt(size))),
            own(key),
          );
          return kind === "float" && isSeen(i) ? tape.shift(score, mask.values[first + i]) : score;
        });
        const visible = scores.map((_, i) => isSeen(i) && padding[image * keys + i] === 0);
        return attend(tape, scores, visible, vs.map(own)).y;
      }).flat(),
    );
    averages.push(...project(tape, joined, rows(outWeight.nodes, features), outBias?.nodes ?? null));
  }
  for (let at = 0; at < images * queries; at++) {
    const [row, image] = [Math.floor(at / images), at % images];
    outputs.push(...averages[isBatched && !batchFirst ? image * queries + row : at]);
  }
  const run = ([q, k, v, w, o, b, ob]: Tensor[]) => {
    const module = new nn.MultiheadAttention(features, heads, { bias, batchFirst });
    module.inProjWeight = w as nn.Parameter;
    module.outProj.weight = o as nn.Parameter;
    if (bias) [module.inProjBias, module.outProj.bias] = [b as nn.Parameter, ob as nn.Parameter];
    const made = tensor(mask.values, { shape: mask.shape });
    const attnMask = kind === "none" ? null : kind === "bool" ? made.bool() : made;
    const keyPaddingMask = padded ? tensor(padding, { shape: [images, keys] }).bool() : null;
    return module.forward(q, k, v, { attnMask, keyPaddingMask, needWeights: random.chance(0.5) })[0];
  };
  return {
    what: `MultiheadAttention ${features}/${heads} [${q.shape}] [${k.shape}] mask ${kind} [${mask.shape}] padded ${padded} ${JSON.stringify({ bias, batchFirst })}`,
    inputs: [q, k, v, inWeight, outWeight, ...(inBias && outBias ? [inBias, outBias] : [])],
    outputs,
    shape: [...order(queries), features],
    run,
    slack: 16,
  };
};

export const attentionCases: Record<string, { make: CaseMaker; weight: number }> = {
  attention: { make: scaledDotProduct, weight: 2 },
  multihead: { make: multihead, weight: 1 },
};
