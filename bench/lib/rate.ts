import type { Ceiling } from "./ceiling.ts";
import { alternate, type Plan, sample } from "./measure.ts";
import { median, type Ratio, ratioOfRounds } from "./statistics.ts";

/** What an operation has to do at least. */
export type Work = { flops: number } | { bytes: number };

export interface Rate {
  /** Median milliseconds of a call. */
  ms: number;
  rate: number;
  unit: "GFLOP/s" | "GB/s";
  /** Of the ceiling, measured in the same rounds: arithmetic in registers, or a plain copy of as many bytes. */
  share: Ratio;
}

/** `body` as many times as take about as long as `other`: then what interrupts the one interrupts the other as often. */
function asLongAs(other: () => unknown, body: () => void, time: number): { run: () => void; times: number } {
  const times = Math.max(1, Math.round(sample(other, time) / sample(body, time)));
  const run = () => {
    for (let i = 0; i < times; i++) body();
  };
  return { run, times };
}

/** Alternates an operation with its ceiling. */
export function rateOf(body: () => unknown, work: Work, ceiling: Ceiling, plan: Plan): Rate {
  const arithmetic = "flops" in work;
  // a copy reads and writes: half of the traffic is its size
  const best = arithmetic ? ceiling.multiply : ceiling.copier(work.bytes / 2);
  const { run, times } = asLongAs(body, best, plan.time);
  const [ours, bests] = alternate([body, run], plan);
  const amount = arithmetic ? work.flops : work.bytes;
  const bestAmount = times * (arithmetic ? ceiling.flops : work.bytes);
  const ratesOf = (milliseconds: number[], done: number) => milliseconds.map((ms) => done / ms / 1e6);
  return {
    ms: median(ours),
    rate: amount / median(ours) / 1e6,
    unit: arithmetic ? "GFLOP/s" : "GB/s",
    share: ratioOfRounds(ratesOf(ours, amount), ratesOf(bests, bestAmount)),
  };
}
