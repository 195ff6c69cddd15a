import type { Ceiling } from "./ceiling.ts";
import { alternate, type Plan } from "./measure.ts";
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

/** Alternates an operation with its ceiling. */
export function rateOf(body: () => unknown, work: Work, ceiling: Ceiling, plan: Plan): Rate {
  const arithmetic = "flops" in work;
  // a copy reads and writes: half of the traffic is its size
  const best = arithmetic ? ceiling.multiply : ceiling.copier(work.bytes / 2);
  const [ours, bests] = alternate([body, best], plan);
  const amount = arithmetic ? work.flops : work.bytes;
  const bestAmount = arithmetic ? ceiling.flops : work.bytes;
  const ratesOf = (milliseconds: number[], done: number) => milliseconds.map((ms) => done / ms / 1e6);
  return {
    ms: median(ours),
    rate: amount / median(ours) / 1e6,
    unit: arithmetic ? "GFLOP/s" : "GB/s",
    share: ratioOfRounds(ratesOf(ours, amount), ratesOf(bests, bestAmount)),
  };
}
