import { Bench } from "tinybench";
import { scope } from "wasmgrad";

let tick: number | undefined;

/**
 * Milliseconds between two readings of the clock that differ: less than a microsecond in Node, 0.1 or 1 in a
 * browser.
 */
function clockTick(): number {
  if (tick !== undefined) return tick;
  tick = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    tick = Math.min(tick, now - start);
  }
  return tick;
}

/** Ticks of the clock that a measured time has at least. */
const LEAST_TICKS = 20;

/** Calls of a body that are timed together, because one is too short for the clock. In Node, it never is. */
const callsPerReading = new WeakMap<() => unknown, number>();

/** Median milliseconds of `body`, called for about `time` milliseconds, each call in its own scope. */
export function sample(body: () => unknown, time: number): number {
  for (;;) {
    const calls = callsPerReading.get(body) ?? 1;
    const bench = new Bench({ time, iterations: 1, warmup: false, now: () => performance.now() });
    bench.add("", () => {
      for (let i = 0; i < calls; i++) scope(() => void body());
    });
    const [{ result }] = bench.runSync();
    if (!("latency" in result)) throw new Error("benchmark: interrupted", { cause: result });
    const reading = result.latency.p50;
    const least = LEAST_TICKS * clockTick();
    if (reading >= least) return reading / calls;
    callsPerReading.set(body, Math.ceil(calls * Math.max(2, least / Math.max(reading, clockTick()))));
  }
}

/** How a suite measures. */
export interface Plan {
  /** Number of rounds; in each, all sides run once. */
  rounds: number;
  /** Milliseconds that each side runs per round. */
  time: number;
  /** Called each time a side has run, with the share of the measurement that is done, from 0 to 1. */
  afterTurn?(share: number): void;
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
export function alternate(bodies: readonly (() => unknown)[], { rounds, time, afterTurn }: Plan): number[][] {
  const results: number[][] = bodies.map(() => []);
  let turns = 0;
  const turn = (body: () => unknown, milliseconds: number) => {
    const median = sample(body, milliseconds);
    afterTurn?.(++turns / (bodies.length * (rounds + 1)));
    return median;
  };
  for (const body of bodies) turn(body, WARMUP_MS);
  for (let round = 0; round < rounds; round++) {
    for (const [i, body] of bodies.entries()) results[i].push(turn(body, time));
  }
  return results;
}
