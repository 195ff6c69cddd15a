import { countersOf } from "../ops/random/draw.ts";
import { Generator } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { randint, randperm } from "../tensor/random.ts";

export const MAX_SEED = Number.MAX_SAFE_INTEGER;

/**
 * The order of epoch `epoch`: the permutation that `randperm` draws from a generator with this seed after
 * `epoch` earlier permutations of the same length. The earlier permutations are not computed.
 */
export function epochOrder(n: number, seed: number, epoch: number): ArrayLike<number> {
  const generator = new Generator();
  generator.setState({ seed, offset: epoch * countersOf(n) });
  return scope(() => randperm(n, { generator }).data());
}

/** A seed from the default generator. */
export function drawSeed(): number {
  return scope(() => randint(0, 2 ** 31 - 1, []).item());
}
