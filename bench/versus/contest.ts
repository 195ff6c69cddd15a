/** One comparison: both sides compute the same, then take turns, A B A B; what counts is the median of per-round ratios. */
import { median, type Ratio, ratioOfRounds } from "../lib/statistics.ts";
import type { PeerProcess } from "./peer_process.ts";
import type { Contest } from "./peers.ts";
import type { Task } from "./protocol.ts";

export interface ContestRow extends Contest {
  /** Median milliseconds of a repetition. */
  ours?: number;
  theirs?: number;
  /** How many times faster we are. */
  faster?: Ratio;
  /** The largest relative difference between their values and ours. */
  difference?: number;
  /** Why there is no time: it cannot do it, or its values are not ours. */
  failed?: string;
}

export interface ContestOptions {
  rounds: number;
  /** Milliseconds that each side works in a round, at least one repetition. */
  time: number;
}

/** Steps whose losses are compared. A wrong gradient or a wrong optimizer shows from the second on. */
const CHECKED_STEPS = 3;
/** float32 sums in different orders. Losses: some libraries add up a batch's squares in one accumulator. */
const TOLERANCE = { train: 1e-3, forward: 1e-4 };
/** Outputs are in [0, 1]: relative to nothing smaller than this. */
const SMALLEST = 0.05;

/** The largest difference, relative to ours. Throws where it is more than rounding. */
export function compare(kind: Task["kind"], ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length === 0 || ours.length !== theirs.length) {
    throw new Error(`wrong ${kind}: ${theirs.length} values, ours has ${ours.length}`);
  }
  let largest = 0;
  ours.forEach((value, i) => {
    const difference = Math.abs(theirs[i] - value) / Math.max(SMALLEST, Math.abs(value));
    if (!(difference <= TOLERANCE[kind])) {
      throw new Error(`wrong ${kind}: value ${i} is ${theirs[i]}, ours is ${value}`);
    }
    largest = Math.max(largest, difference);
  });
  return largest;
}

/** What one side does in a round: as many repetitions as fit, known after a turn that also lets V8 optimise. */
async function planRounds(side: PeerProcess, time: number) {
  const fitting = (milliseconds: number) => Math.min(400, Math.max(1, Math.round(time / milliseconds)));
  let [once] = await side.run(1, 1);
  if (once < time) once = median(await side.run(fitting(once), 0));
  const iterations = fitting(once);
  // a turn finds cold caches and a core that slept: a fifth as many repetitions before it, uncounted, but none of a slow peer's
  return { iterations, warmup: iterations > 1 ? Math.ceil(iterations / 5) : 0 };
}

/** Checks, then times. A peer that fails is reported, not timed. */
export async function compete(
  us: PeerProcess,
  them: PeerProcess,
  contest: Contest,
  options: ContestOptions,
): Promise<ContestRow> {
  const { kind, batch } = contest;
  const request = { kind, batch, steps: CHECKED_STEPS };
  const expected = await us.prepare(request);
  let difference: number;
  try {
    difference = compare(kind, expected, await them.prepare(request));
  } catch (error) {
    return { ...contest, failed: (error as Error).message };
  }
  const [ourPlan, theirPlan] = [await planRounds(us, options.time), await planRounds(them, options.time)];
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < (contest.rounds ?? options.rounds); round++) {
    ours.push(median(await us.run(ourPlan.iterations, ourPlan.warmup)));
    theirs.push(median(await them.run(theirPlan.iterations, theirPlan.warmup)));
  }
  const faster = ratioOfRounds(theirs, ours);
  return { ...contest, ours: median(ours), theirs: median(theirs), faster, difference };
}
