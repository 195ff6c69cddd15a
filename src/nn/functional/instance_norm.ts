import { noGrad } from "../../autograd/grad_mode.ts";
import { checkBoolean, checkInteger, checkNumber, readOptions } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { checkShape, isSameShape, sizeOf } from "../../ops/core/array.ts";
import { expectTensor } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { batchNorm, groupNorm, type NormOptions } from "./norm.ts";
import { pad } from "./pad.ts";

/**
 * `(x - mean) / √(var + eps) * weight + bias` for each channel of each image. Matches
 * `torch.nn.functional.instance_norm`. With `useInputStats: false`, the running statistics are used;
 * otherwise they are updated, if given, with the mean of the images' statistics.
 *
 * @param x [N,C,...]
 * @param options `weight` and `bias` [C]; `useInputStats` (default true); `momentum` (default 0.1); `eps`
 *   (default 1e-5).
 * @throws ShapeError for less than two elements in a channel.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.instanceNorm(tensor([[[1, 3], [5, 9]]])).toArray()); // [[[-1, 1], [-1, 1]]] (nearly)
 * ```
 */
export function instanceNorm(
  x: Tensor,
  runningMean: Tensor | null = null,
  runningVar: Tensor | null = null,
  options?: NormOptions & { useInputStats?: boolean; momentum?: number },
): Tensor {
  const op = "instanceNorm";
  const none = null as Tensor | null;
  const defaults = { weight: none, bias: none, eps: 1e-5, useInputStats: true, momentum: 0.1 };
  const { weight, bias, eps, useInputStats, momentum } = readOptions(op, options, defaults);
  checkBoolean(op, "useInputStats", useInputStats);
  checkNumber(op, "momentum", momentum, 0, 1);
  expectTensor(op, "x", x);
  if (!useInputStats) return batchNorm(x, runningMean, runningVar, { weight, bias, eps });
  const size = sizeOf(x.shape.slice(2));
  if (x.dim() < 3 || size < 2) {
    throw new ShapeError(
      `${op}: expected [N,C,...] with two or more elements per channel, got ${formatShape(x.shape)}`,
    );
  }
  if (runningMean && runningVar) {
    noGrad(() => {
      const rows = x.reshape([x.shape[0], x.shape[1], size]);
      const update = (running: Tensor, now: Tensor) =>
        running.copy_(running.mul(1 - momentum).add(now.mean(0).mul(momentum)));
      update(runningMean, rows.mean(2));
      update(runningVar, rows.var(2));
    });
  }
  return groupNorm(x, x.shape[1], { weight, bias, eps });
}

/** The smallest float32 above 1, minus 1: PyTorch's default `eps` of `rmsNorm`. */
const FLOAT_EPSILON = 1.1920928955078125e-7;

/**
 * `x / √(mean(x²) + eps) * weight`, with the mean over the last dimensions. Matches
 * `torch.nn.functional.rms_norm`.
 *
 * @param x [..., ...normalizedShape]
 * @param options `weight` of shape normalizedShape; `eps` (default null: 2⁻²³).
 * @throws ShapeError when the shapes do not fit.
 * @example
 * ```ts
 * import { nn, tensor } from "wasmgrad";
 * console.log(nn.functional.rmsNorm(tensor([[1, 7]]), [2]).toArray()); // [[0.2, 1.4]]
 * ```
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: readonly number[],
  options?: { weight?: Tensor | null; eps?: number | null },
): Tensor {
  const op = "rmsNorm";
  const { weight, eps } = readOptions(op, options, { weight: null as Tensor | null, eps: null as number | null });
  if (eps !== null) checkNumber(op, "eps", eps, 0);
  expectTensor(op, "x", x);
  checkShape(op, normalizedShape);
  const rank = normalizedShape.length;
  if (rank === 0 || rank > x.dim() || !isSameShape(x.shape.slice(-rank), normalizedShape)) {
    throw new ShapeError(`${op}: expected [...,${normalizedShape}], got ${formatShape(x.shape)}`);
  }
  if (weight && !isSameShape(weight.shape, normalizedShape)) {
    throw new ShapeError(`${op}: weight expected [${normalizedShape}], got ${formatShape(weight.shape)}`);
  }
  const dims = normalizedShape.map((_, i) => i - rank);
  const root = x
    .square()
    .mean(dims, { keepdim: true })
    .add(eps ?? FLOAT_EPSILON)
    .rsqrt();
  const y = x.mul(root);
  return weight ? y.mul(weight) : y;
}

export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/** Reads and checks the options of localResponseNorm. */
export function readLocalResponse(op: string, size: number, options: LocalResponseNormOptions | undefined) {
  checkInteger(op, "size", size, 1);
  const read = readOptions<Required<LocalResponseNormOptions>>(op, options, { alpha: 1e-4, beta: 0.75, k: 1 });
  for (const name of ["alpha", "beta", "k"] as const) checkNumber(op, name, read[name]);
  return read;
}

/**
 * `x / (k + alpha * mean)^beta`, with the mean of the squares of `size` channels around each one (those
 * outside count as 0). Matches `torch.nn.functional.local_response_norm`.
 *
 * @param x [N,C,...]
 * @param options `alpha` (default 1e-4), `beta` (default 0.75), `k` (default 1)
 * @throws ShapeError for less than three dimensions.
 * see: Krizhevsky, Sutskever & Hinton, ImageNet classification with deep convolutional networks, 2012
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * console.log(nn.functional.localResponseNorm(ones([1, 4, 2, 2]), 2).shape); // [1, 4, 2, 2]
 * ```
 */
export function localResponseNorm(x: Tensor, size: number, options?: LocalResponseNormOptions): Tensor {
  const op = "localResponseNorm";
  const { alpha, beta, k } = readLocalResponse(op, size, options);
  expectTensor(op, "x", x);
  if (x.dim() < 3) throw new ShapeError(`${op}: expected [N,C,...], got ${formatShape(x.shape)}`);
  const channels = x.shape[1];
  const zeros = Array.from({ length: 2 * (x.dim() - 2) }, () => 0);
  const padded = pad(x.square(), [...zeros, Math.floor(size / 2), Math.floor((size - 1) / 2)]);
  let sum = padded.narrow(1, 0, channels);
  for (let i = 1; i < size; i++) sum = sum.add(padded.narrow(1, i, channels));
  return x.div(
    sum
      .mul(alpha / size)
      .add(k)
      .pow(beta),
  );
}
