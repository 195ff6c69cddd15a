import { Bench } from "tinybench";
import { scope } from "wasmgrad";

/** Median milliseconds of `body`, called for about `time` milliseconds, each call in its own scope. */
export function sample(body: () => unknown, time: number): number {
  const bench = new Bench({ time, iterations: 1, warmup: false });
  bench.add("", () => {
    scope(() => void body());
  });
  const [{ result }] = bench.runSync();
  if (!("latency" in result)) throw new Error("benchmark: interrupted", { cause: result });
  return result.latency.p50;
}

/** How a suite measures. */
export interface Plan {
  /** Rounds: in each, every side works once. */
  rounds: number;
  /** Milliseconds of each side in a round. */
  time: number;
}

/**
 * Until V8 has replaced its quick first translation of a kernel by the optimised one, which it
 * makes in the background.
 */
const WARMUP_MS = 200;

/**
 * Median milliseconds of each body in each round, after a warm-up: A B C A B C …, so that all of
 * them see the same machine.
 */
export function alternate(bodies: readonly (() => unknown)[], { rounds, time }: Plan): number[][] {
  const results: number[][] = bodies.map(() => []);
  for (const body of bodies) sample(body, WARMUP_MS);
  for (let round = 0; round < rounds; round++) {
    for (const [i, body] of bodies.entries()) results[i].push(sample(body, time));
  }
  return results;
}
