/**
 * One comparison: all sides compute the same, then take turns, A B A B; what counts is the
 * median of per-round ratios.
 */
import { median, type Ratio, ratioOfRounds } from "../lib/statistics.ts";
import type { PeerProcess } from "./peer_process.ts";
import type { Contest } from "./peers.ts";
import type { RunRequest, Task } from "./protocol.ts";

export interface ContestRow extends Contest {
  /**
   * How its threads wait for each other, where it was measured in several ways: the
   * way in which it is fastest.
   */
  waitPolicy?: string;
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

type RunPlan = Omit<RunRequest, "do">;

/**
 * The work of one side in a round: as many repetitions as fit, known from a first run
 * that also lets V8 optimise.
 */
async function planRounds(side: PeerProcess, time: number): Promise<RunPlan> {
  const fitting = (milliseconds: number) => Math.min(400, Math.max(1, Math.round(time / milliseconds)));
  let [once] = await side.run(1, 1);
  if (once < time) once = median(await side.run(fitting(once), 0));
  const iterations = fitting(once);
  // a side begins with cold caches and a core that slept: a fifth as many repetitions run before,
  // uncounted, on every side
  return { iterations, warmup: Math.ceil(iterations / 5) };
}

/** Checks, then times: a row for each of them. A peer that fails is reported, not timed. */
export async function compete(
  us: PeerProcess,
  them: readonly PeerProcess[],
  contest: Contest,
  options: ContestOptions,
): Promise<ContestRow[]> {
  const { kind, batch } = contest;
  const request = { kind, batch, steps: CHECKED_STEPS };
  const expected = await us.prepare(request);
  const rows: ContestRow[] = [];
  const right: { peer: PeerProcess; row: ContestRow }[] = [];
  for (const peer of them) {
    const row: ContestRow = { ...contest };
    rows.push(row);
    try {
      row.difference = compare(kind, expected, await peer.prepare(request));
      right.push({ peer, row });
    } catch (error) {
      row.failed = (error as Error).message;
    }
  }
  if (right.length === 0) return rows;
  const sides: { process: PeerProcess; plan: RunPlan; times: number[] }[] = [];
  for (const process of [us, ...right.map(({ peer }) => peer)]) {
    sides.push({ process, plan: await planRounds(process, options.time), times: [] });
  }
  for (let round = 0; round < (contest.rounds ?? options.rounds); round++) {
    for (const { process, plan, times } of sides) times.push(median(await process.run(plan.iterations, plan.warmup)));
  }
  const [ours, ...theirs] = sides.map(({ times }) => times);
  for (const [i, { row }] of right.entries()) {
    Object.assign(row, { ours: median(ours), theirs: median(theirs[i]), faster: ratioOfRounds(theirs[i], ours) });
  }
  return rows;
}

/** What distinguishes a row from the others of its peer, besides batch and threads. */
export function waysOf({ variant, waitPolicy }: ContestRow): string[] {
  return [variant, waitPolicy && `wait policy ${waitPolicy}`].filter((way) => way !== undefined);
}

/** Of one peer's rows the one in which it is fastest; one that has no time only where none has. */
export function fastest(rows: readonly ContestRow[]): ContestRow {
  return rows.reduce((best, row) => ((row.theirs ?? Infinity) < (best.theirs ?? Infinity) ? row : best));
}
