import { checkBoolean, checkInteger, checkNumber, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { checkShape, empty, type NDArray, sizeOf } from "../ops/core/array.ts";
import {
  bernoulli as bernoulliArray,
  bernoulliEach,
  type Draw,
  fillNormal,
  fillUniform,
  integers,
  permutation,
} from "../ops/random/draw.ts";
import { expectTensor } from "./apply.ts";
import { defaultGenerator, Generator } from "./generator.ts";
import { leaf } from "./leaf.ts";
import { Tensor } from "./tensor.ts";

/** Options of the random functions. */
export interface DrawOptions {
  /** The source of the numbers. Default: the generator that `manualSeed()` seeds. */
  generator?: Generator;
  /** Whether `backward()` computes a gradient for the result. Default false. */
  requiresGrad?: boolean;
}

/** Checks shape and generator, reserves the draw's numbers in the stream and creates the leaf. */
function draw(
  op: string,
  shape: readonly number[],
  { generator, requiresGrad }: Required<DrawOptions>,
  build: (shape: readonly number[], draw: Draw) => NDArray,
): Tensor {
  checkShape(op, shape);
  checkBoolean(op, "requiresGrad", requiresGrad);
  if (!(generator instanceof Generator)) throw new OptionError(`${op}: generator expected a Generator`);
  return leaf(() => build([...shape], generator.take(sizeOf(shape))), requiresGrad);
}

const DEFAULTS: Required<DrawOptions> = { generator: defaultGenerator, requiresGrad: false };

/**
 * Uniform random numbers in [0, 1), multiples of 2^-24. Matches `torch.rand`.
 *
 * @example
 * ```ts
 * import { manualSeed, rand } from "wasmgrad";
 * manualSeed(0);
 * console.log(rand([2, 3]).toArray());
 * ```
 */
export function rand(shape: readonly number[], options?: DrawOptions): Tensor {
  return draw("rand", shape, readOptions("rand", options, DEFAULTS), (shape, at) =>
    fillUniform(empty(shape), at, 0, 1),
  );
}

/**
 * Normal random numbers with mean 0 and variance 1, by the Box-Muller transform. Matches `torch.randn`.
 *
 * @example
 * ```ts
 * import { randn } from "wasmgrad";
 * console.log(randn([2, 3], { requiresGrad: true }).shape); // [2, 3]
 * ```
 */
export function randn(shape: readonly number[], options?: DrawOptions): Tensor {
  return draw("randn", shape, readOptions("randn", options, DEFAULTS), (shape, at) =>
    fillNormal(empty(shape), at, 0, 1),
  );
}

/** `rand` with the shape of `x`. Matches `torch.rand_like`. */
export function randLike(x: Tensor, options?: DrawOptions): Tensor {
  expectTensor("randLike", "x", x);
  return rand(x.shape, options);
}

/** `randn` with the shape of `x`. Matches `torch.randn_like`. */
export function randnLike(x: Tensor, options?: DrawOptions): Tensor {
  expectTensor("randnLike", "x", x);
  return randn(x.shape, options);
}

/**
 * Random int32 integers in [low, high), all exactly equally likely. Matches `torch.randint`.
 *
 * @example
 * ```ts
 * import { randint } from "wasmgrad";
 * console.log(randint(0, 10, [5]).toArray());
 * ```
 */
export function randint(
  low: number,
  high: number,
  shape: readonly number[],
  options?: Pick<DrawOptions, "generator">,
): Tensor {
  const { generator } = readOptions("randint", options, { generator: defaultGenerator });
  checkInteger("randint", "low", low, -(2 ** 31));
  checkInteger("randint", "high", high, low + 1);
  return draw("randint", shape, { generator, requiresGrad: false }, (shape, at) =>
    integers(shape, low, high - low, at),
  );
}

/** The integers 0 to n-1 (int32) in random order; all orders are equally likely. Matches `torch.randperm`. */
export function randperm(n: number, options?: Pick<DrawOptions, "generator">): Tensor {
  const { generator } = readOptions("randperm", options, { generator: defaultGenerator });
  checkInteger("randperm", "n", n, 0);
  return draw("randperm", [n], { generator, requiresGrad: false }, (_, at) => permutation(n, at));
}

/**
 * Random ones and zeros (float32). The probability of a one is the element of the tensor `p` at the same
 * position, or, for a given shape, the number `p` for all elements. Matches `torch.bernoulli`. Has no
 * gradient.
 *
 * @throws OptionError if a probability is outside [0, 1].
 * @example
 * ```ts
 * import { bernoulli, tensor } from "wasmgrad";
 * console.log(bernoulli(tensor([0, 0.5, 1])).toArray(), bernoulli([4], { p: 0.25 }).toArray());
 * ```
 */
export function bernoulli(p: Tensor, options?: Pick<DrawOptions, "generator">): Tensor;
export function bernoulli(shape: readonly number[], options: { p: number; generator?: Generator }): Tensor;
export function bernoulli(
  shapeOrP: Tensor | readonly number[],
  options?: { p?: number; generator?: Generator },
): Tensor {
  if (shapeOrP instanceof Tensor) {
    const { generator } = readOptions("bernoulli", options, { generator: defaultGenerator });
    const { array } = shapeOrP;
    return draw("bernoulli", array.shape, { generator, requiresGrad: false }, (_, at) => bernoulliEach(array, at));
  }
  const { generator, p } = readOptions("bernoulli", options, { generator: defaultGenerator, p: Number.NaN });
  checkNumber("bernoulli", "p", p, 0, 1);
  return draw("bernoulli", shapeOrP, { generator, requiresGrad: false }, (shape, at) => bernoulliArray(shape, p, at));
}
