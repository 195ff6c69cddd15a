import type { Ceiling } from "./ceiling.ts";
import { alternate, type Plan, sample } from "./measure.ts";
import { median, type Ratio, ratioOfRounds } from "./statistics.ts";

/** The work that an operation has to do at least. */
export type Work = { flops: number } | { bytes: number };

export interface Rate {
  /** Median milliseconds of a call. */
  ms: number;
  rate: number;
  unit: "GFLOP/s" | "GB/s";
  /**
   * The rate as a share of the ceiling that was measured in the same rounds: arithmetic in registers, or a
   * plain copy of as many bytes.
   */
  share: Ratio;
}

/**
 * Repeats `body` so often that it takes about as long as `other`: interruptions then hit both equally often.
 */
function asLongAs(other: () => unknown, body: () => void, time: number): { run: () => void; times: number } {
  const times = Math.max(1, Math.round(sample(other, time) / sample(body, time)));
  const run = () => {
    for (let i = 0; i < times; i++) body();
  };
  return { run, times };
}

/** Times an operation alternately with its ceiling. */
export function rateOf(body: () => unknown, work: Work, ceiling: Ceiling, plan: Plan): Rate {
  return ratesOf([body], work, ceiling, plan)[0].rate;
}

/**
 * Times several ways to do the same work alternately, each with the ceiling. Returns the milliseconds of each
 * round, too.
 */
export function ratesOf(
  bodies: readonly (() => unknown)[],
  work: Work,
  ceiling: Ceiling,
  plan: Plan,
): { rate: Rate; rounds: readonly number[] }[] {
  const arithmetic = "flops" in work;
  // a copy reads and writes, so its size is half of the traffic
  const best = arithmetic ? ceiling.multiply : ceiling.copier(work.bytes / 2);
  const bests = bodies.map((body) => asLongAs(body, best, plan.time));
  const turns = alternate(
    bodies.flatMap((body, i) => [body, bests[i].run]),
    plan,
  );
  const amount = arithmetic ? work.flops : work.bytes;
  const ratesIn = (milliseconds: number[], done: number) => milliseconds.map((ms) => done / ms / 1e6);
  return bests.map(({ times }, i) => {
    const [rounds, bestRounds] = [turns[2 * i], turns[2 * i + 1]];
    const bestAmount = times * (arithmetic ? ceiling.flops : work.bytes);
    const rate: Rate = {
      ms: median(rounds),
      rate: amount / median(rounds) / 1e6,
      unit: arithmetic ? "GFLOP/s" : "GB/s",
      share: ratioOfRounds(ratesIn(rounds, amount), ratesIn(bestRounds, bestAmount)),
    };
    return { rate, rounds };
  });
}
