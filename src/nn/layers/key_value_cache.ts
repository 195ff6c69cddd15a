import { OptionError, ShapeError } from "../../errors.ts";
import { arange } from "../../tensor/fill.ts";
import { cat } from "../../tensor/functions.ts";
import { keep } from "../../tensor/lifetime/scoped.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { scaledDotProductAttention } from "../functional/attention.ts";
import { linear } from "../functional/linear.ts";
import type { MultiheadAttention } from "./attention.ts";

/**
 * The keys and values of the positions that an attention layer has seen, [N, heads, L, d], so that generating
 * the next token computes one position only. The current scope does not release them.
 */
export class KeyValueCache {
  #keys: Tensor | null = null;
  #values: Tensor | null = null;

  /** Number of positions seen. */
  get length(): number {
    return this.#keys?.shape[2] ?? 0;
  }

  /** Adds positions. Returns the keys and values of all positions. */
  append(keys: Tensor, values: Tensor): [keys: Tensor, values: Tensor] {
    const [before, old] = [this.#keys, this.#values];
    if (before && (before.shape[0] !== keys.shape[0] || before.shape[1] !== keys.shape[1])) {
      throw new ShapeError(
        `KeyValueCache: expected ${before.shape[0]} samples and ${before.shape[1]} heads, got [${keys.shape}]`,
      );
    }
    this.#keys = keep(before ? cat([before, keys.detach()], 2) : keys.detach().clone());
    this.#values = keep(old ? cat([old, values.detach()], 2) : values.detach().clone());
    before?.release();
    old?.release();
    return [this.#keys, this.#values];
  }

  /** Forgets all positions and releases their memory. */
  clear(): void {
    this.#keys?.release();
    this.#values?.release();
    this.#keys = this.#values = null;
  }
}

/**
 * Causal self-attention of new positions x [N, L, E] after those in the cache, with the weights of an
 * attention layer and without dropout.
 */
export function attendCached(attention: MultiheadAttention, x: Tensor, cache: KeyValueCache): Tensor {
  if (!(cache instanceof KeyValueCache)) throw new OptionError("expected a KeyValueCache as cache");
  const { embedDim, numHeads, inProjWeight, inProjBias } = attention;
  const [batch, length] = x.shape;
  const seen = cache.length;
  const parts = linear(x, inProjWeight, inProjBias).chunk(3, 2);
  const [q, k, v] = parts.map((part) =>
    part.reshape([batch, length, numHeads, embedDim / numHeads]).permute([0, 2, 1, 3]),
  );
  const [keys, values] = cache.append(k, v);
  // position i of the new ones sees the cached positions and the new ones up to i
  const positions = arange(seen, seen + length, { dtype: "int32" }).unsqueeze(1);
  const attnMask =
    length === 1
      ? null
      : arange(0, seen + length, { dtype: "int32" })
          .unsqueeze(0)
          .le(positions);
  const heads = scaledDotProductAttention(q, keys, values, { attnMask });
  return attention.outProj.forward(heads.permute([0, 2, 1, 3]).reshape([batch, length, embedDim]));
}
