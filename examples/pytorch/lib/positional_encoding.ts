import { arange, stack, type Tensor } from "wasmgrad";

/**
 * Sines and cosines of each position, [length, width].
 * see: Vaswani et al., Attention is all you need, 2017
 */
export function positionalEncoding(length: number, width: number): Tensor {
  const rates = arange(0, width, 2)
    .mul((-4 * Math.LN10) / width)
    .exp();
  const angles = arange(length).unsqueeze(1).mul(rates);
  return stack([angles.sin(), angles.cos()], 2).reshape([length, width]);
}
