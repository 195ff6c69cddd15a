import { DataError, formatShape } from "../../errors.ts";
import { softmaxOver } from "../../nn/functional/attention.ts";
import { pad, scaledDotProductAttention } from "../../nn/functional/index.ts";
import { arange } from "../../tensor/fill.ts";
import { cat, stack, where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Call, OperatorTable } from "../operator.ts";

/** What the fourth output of `Attention` is. */
const ScoreOutput = { Product: 0, Capped: 1, Biased: 2, Weights: 3 } as const;

/** [N,L,heads·E] as [N,heads,L,E]. */
function splitHeads(call: Call, x: Tensor, name: string): Tensor {
  const heads = call.attributes.int(name, 0);
  const [batch, length, width] = x.shape;
  if (heads < 1 || width % heads !== 0) {
    throw new DataError(`${call.opType} ${call.name}: ${name} ${heads} does not divide ${formatShape(x.shape)}`);
  }
  return x.reshape([batch, length, heads, width / heads]).transpose(1, 2);
}

/** The keys or values of groups of query heads. */
function repeatHeads(x: Tensor, heads: number): Tensor {
  return x.shape[1] === heads ? x : x.repeatInterleave(heads / x.shape[1], 1);
}

/**
 * Which keys each query may see by its position, as bool [L,S] or [N,1,L,S]; null if all. Query i has the
 * position `offset + i`, where the offset is the number of valid keys before this block of queries.
 */
function visibleByPosition(call: Call, queries: number, keys: number): Tensor | null {
  const { attributes } = call;
  const causal = attributes.flag("is_causal", false);
  const [left, right] = [attributes.int("left_window_size", -1), attributes.int("right_window_size", -1)];
  const valid = call.optionalTensor(6)?.reshape([-1, 1, 1, 1]) ?? null;
  const past = call.optionalTensor(4);
  const key = arange(0, keys, { dtype: "int32" });
  const row = arange(0, queries, { dtype: "int32" }).unsqueeze(1);
  const position = past ? row.add(past.shape[2]) : valid ? row.add(valid.sub(queries)) : row;
  const behind = position.sub(key);
  const rules: Tensor[] = [];
  if (causal) rules.push(behind.ge(0));
  if (left >= 0) rules.push(behind.le(left));
  if (right >= 0) rules.push(behind.ge(-right));
  if (valid) rules.push(key.lt(valid));
  return rules.length === 0 ? null : rules.reduce((a, b) => a.logicalAnd(b));
}

/**
 * What is added to the scores: 0 or the mask's value where a query sees a key, -Infinity elsewhere; null if
 * nothing.
 */
function biasOf(call: Call, queries: number, keys: number): Tensor | null {
  const given = call.optionalTensor(3);
  const visible = visibleByPosition(call, queries, keys);
  if (given === null) return visible && where(visible, 0, -Infinity);
  const missing = keys - (given.shape.at(-1) ?? keys);
  const mask = given.dtype === "bool" ? where(given, 0, -Infinity) : given;
  const whole = missing > 0 ? pad(mask, [0, missing], { value: -Infinity }) : mask;
  return visible ? where(visible, whole, -Infinity) : whole;
}

function attention(call: Call): (Tensor | undefined)[] {
  const { attributes } = call;
  const flat = call.float(0).dim() === 3;
  const names = ["q_num_heads", "kv_num_heads", "kv_num_heads"];
  const [q, newKey, newValue] = names.map((name, i) => (flat ? splitHeads(call, call.float(i), name) : call.float(i)));
  const [pastKey, pastValue] = [call.optionalTensor(4), call.optionalTensor(5)];
  const key = pastKey ? cat([pastKey, newKey], 2) : newKey;
  const value = pastValue ? cat([pastValue, newValue], 2) : newValue;
  const [batch, heads, queries, width] = q.shape;
  if (key.dim() !== 4 || heads % key.shape[1] !== 0) {
    throw new DataError(`${call.opType} ${call.name}: keys ${formatShape(key.shape)} for ${heads} heads`);
  }
  const [k, v] = [repeatHeads(key, heads), repeatHeads(value, heads)];
  const scale = attributes.float("scale", 0) || 1 / Math.sqrt(width);
  const softcap = attributes.float("softcap", 0);
  const wanted = call.hasOutput(3);
  const joined = (y: Tensor) => (flat ? y.transpose(1, 2).reshape([batch, queries, -1]) : y);
  const bias = biasOf(call, queries, key.shape[2]);
  if (softcap === 0 && !wanted) {
    return [joined(scaledDotProductAttention(q, k, v, { scale, attnMask: bias })), key, value];
  }
  const scores = q.mul(scale).matmul(k.transpose(2, 3));
  const capped = softcap > 0 ? scores.div(softcap).tanh().mul(softcap) : scores;
  const biased = bias ? capped.add(bias) : capped;
  const weights = bias ? softmaxOver(bias.ne(-Infinity), biased) : biased.softmax(-1);
  const kinds: Record<number, Tensor> = {
    [ScoreOutput.Product]: scores,
    [ScoreOutput.Capped]: capped,
    [ScoreOutput.Biased]: biased,
    [ScoreOutput.Weights]: weights,
  };
  return [joined(weights.matmul(v)), key, value, kinds[attributes.int("qk_matmul_output_mode", 0)]];
}

/** Rotates pairs of features by angles that depend on the position. see: Su et al., RoFormer, 2021 */
function rotaryEmbedding(call: Call): Tensor {
  const { attributes } = call;
  const given = call.float(0);
  // [N,heads,L,E]
  const x = given.dim() === 3 ? splitHeads(call, given, "num_heads") : given;
  const width = x.shape[3];
  const rotated = attributes.int("rotary_embedding_dim", 0) || width;
  const half = rotated / 2;
  const positions = call.optionalTensor(3);
  // [N,1,L,half]
  const [cos, sin] = [1, 2].map((i) => {
    const cache = call.float(i);
    const rows = positions
      ? cache.indexSelect(0, positions.reshape([-1])).reshape([...positions.shape, cache.shape[1]])
      : cache;
    if (rows.shape.at(-1) !== half) {
      throw new DataError(`${call.opType} ${call.name}: ${formatShape(rows.shape)} for ${half} pairs of features`);
    }
    return rows.unsqueeze(1);
  });
  const turning = x.narrow(3, 0, rotated);
  const interleaved = attributes.flag("interleaved", false);
  const [a, b] = interleaved
    ? [turning.slice(3, 0, rotated, 2), turning.slice(3, 1, rotated, 2)]
    : turning.split([half, half], 3);
  const pair = [cos.mul(a).sub(sin.mul(b)), sin.mul(a).add(cos.mul(b))];
  const turned = interleaved ? stack(pair, 4).reshape([...turning.shape]) : cat(pair, 3);
  const y = rotated === width ? turned : cat([turned, x.narrow(3, rotated, width - rotated)], 3);
  return given.dim() === 3 ? y.transpose(1, 2).reshape([...given.shape]) : y;
}

/** Attention and positions. */
export const ATTENTION: OperatorTable = {
  Attention: {
    attributes: [
      "is_causal",
      "kv_num_heads",
      "left_window_size",
      "q_num_heads",
      "qk_matmul_output_mode",
      "right_window_size",
      "scale",
      "softcap",
      "softmax_precision",
    ],
    refuse(node) {
      const mode = node.attributes.int("qk_matmul_output_mode", 0);
      if (mode < 0 || mode > 3) return `qk_matmul_output_mode ${mode}`;
      return node.hasInput(4) === node.hasInput(5) ? null : "past_key without past_value";
    },
    run: attention,
  },
  RotaryEmbedding: {
    attributes: ["interleaved", "num_heads", "rotary_embedding_dim"],
    run: rotaryEmbedding,
  },
};
