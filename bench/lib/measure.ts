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
  /** Number of rounds; in each, all sides run once. */
  rounds: number;
  /** Milliseconds that each side runs per round. */
  time: number;
}

/**
 * Long enough for V8 to replace its quick first translation of a kernel by the optimised one, which it
 * compiles in the background.
 */
const WARMUP_MS = 200;

/**
 * Median milliseconds of each body in each round, after a warm-up. The bodies run alternately, A B C A B C …,
 * so that the state of the machine is the same for all of them.
 */
export function alternate(bodies: readonly (() => unknown)[], { rounds, time }: Plan): number[][] {
  const results: number[][] = bodies.map(() => []);
  for (const body of bodies) sample(body, WARMUP_MS);
  for (let round = 0; round < rounds; round++) {
    for (const [i, body] of bodies.entries()) results[i].push(sample(body, time));
  }
  return results;
}
