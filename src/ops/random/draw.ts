import { OptionError } from "../../errors.ts";
import { empty, expectFloat, type NDArray } from "../core/array.ts";
import { kernels, launch } from "./kernels.ts";

/** The position in the stream of random numbers where a draw starts: see assembly/random/draw.ts. */
export interface Draw {
  seed: number;
  offset: number;
}

/** Number of counters that a draw of `size` elements uses. */
export function countersOf(size: number): number {
  return Math.ceil(size / 16) * 4;
}

/** Number of elements that a thread takes at a time: a multiple of 16. */
export const RANDOM_GRAIN = 8192;

/** Fills `out` with uniform numbers in [low, low + width). */
export function fillUniform(out: NDArray, { seed, offset }: Draw, low: number, width: number): NDArray {
  launch("randomUniform", out.size, RANDOM_GRAIN, out.address, seed, offset, low, width);
  return out;
}

/** Fills `out` with normal numbers. */
export function fillNormal(out: NDArray, { seed, offset }: Draw, mean: number, std: number): NDArray {
  launch("randomNormal", out.size, RANDOM_GRAIN, out.address, seed, offset, mean, std);
  return out;
}

/** Fills `out` with 1 with probability p, else 0. */
export function fillBernoulli(out: NDArray, { seed, offset }: Draw, p: number): NDArray {
  launch("randomBernoulli", out.size, RANDOM_GRAIN, out.address, seed, offset, p);
  return out;
}

/** 1 with probability p, else 0. */
export function bernoulli(shape: readonly number[], p: number, draw: Draw): NDArray {
  return fillBernoulli(empty(shape), draw, p);
}

/** For each element of `p`: 1 with that probability, else 0. */
export function bernoulliEach(p: NDArray, { seed, offset }: Draw): NDArray {
  expectFloat("bernoulli", p);
  const bad = kernels().findOutside(p.size, p.address, 0, 1);
  if (bad >= 0) throw new OptionError(`bernoulli: p expected probabilities in [0, 1], element ${bad} is not`);
  const out = empty(p.shape);
  launch("randomBernoulliEach", out.size, RANDOM_GRAIN, out.address, seed, offset, p.address);
  return out;
}

function bits(shape: readonly number[], { seed, offset }: Draw): NDArray {
  const out = empty(shape, "int32");
  launch("randomBits", out.size, RANDOM_GRAIN, out.address, seed, offset);
  return out;
}

/** Integers in [low, low + range), all equally likely. */
export function integers(shape: readonly number[], low: number, range: number, draw: Draw): NDArray {
  const out = bits(shape, draw);
  launch("bitsToIntegers", out.size, RANDOM_GRAIN, out.address, draw.seed, draw.offset, low, range);
  return out;
}

/** The integers 0 to n-1 in random order; all orders are equally likely. */
export function permutation(n: number, draw: Draw): NDArray {
  const out = bits([n], draw);
  kernels().bitsToPermutation(n, out.address, draw.seed, draw.offset);
  return out;
}

/** Checks that `x` is float32 with finite elements >= 0. */
export function expectRates(op: string, name: string, x: NDArray): void {
  expectFloat(op, x);
  const bad = kernels().findOutside(x.size, x.address, 0, 3.4028234663852886e38);
  if (bad >= 0) throw new OptionError(`${op}: ${name} expected finite numbers >= 0, element ${bad} is not`);
}

/** A number of the Poisson distribution for each rate. */
export function poisson(rates: NDArray, { seed, offset }: Draw): NDArray {
  expectRates("poisson", "rates", rates);
  const out = empty(rates.shape);
  launch("randomPoisson", out.size, RANDOM_GRAIN, out.address, seed, offset, rates.address);
  return out;
}
