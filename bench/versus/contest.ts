/**
 * A comparison: all sides compute the same task, and then run alternately, A B A B. The result is the median
 * of the ratios of the rounds.
 */
import { median, type Ratio, ratioOfRounds } from "../lib/statistics.ts";
import { compareModels, type ModelValues } from "../models/index.ts";
import type { PeerProcess } from "./peer_process.ts";
import type { Contest } from "./peers.ts";
import type { RunRequest, Task, Values } from "./protocol.ts";

export interface ContestRow extends Contest {
  /** How the peer computes, where it was measured in several ways: the fastest of them. */
  way?: string;
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
  /** The same in processor time, which other programs on the machine disturb less. */
  cpu?: { ours: number; theirs: number; faster: Ratio };
  /** The largest relative difference between their values and ours. */
  difference?: number;
  /** Why there is no time: it cannot compute the task, or its values differ from ours. */
  failed?: string;
}

export interface ContestOptions {
  rounds: number;
  /** Milliseconds that each side runs per round; each computes at least one repetition. */
  time: number;
}

/** Steps whose losses are compared. A wrong gradient or optimizer has an effect from the second step. */
const CHECKED_STEPS = 3;
/** float32 sums in different orders. Losses: some libraries add up a batch's squares in one accumulator. */
const TOLERANCE = { train: 1e-3, forward: 1e-4, model: 0, operation: 1e-4, "operation forward": 1e-4 };
/** Most outputs are in [0, 1]: relative to nothing smaller than this. */
const SMALLEST = 0.05;

/** The largest difference, relative to our values. Throws if it is larger than rounding explains. */
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

function differenceOf({ kind, model }: Task, ours: Values, theirs: Values): number {
  if (kind === "model") return compareModels(model!, ours as ModelValues, theirs as ModelValues);
  return compare(kind, ours as number[], theirs as number[]);
}

type RunPlan = Omit<RunRequest, "do">;

/**
 * The number of repetitions that one side computes per round. A first run, in which V8 also optimises, shows
 * how many fit.
 */
async function planRounds(side: PeerProcess, time: number): Promise<RunPlan> {
  const fitting = (milliseconds: number) => Math.min(400, Math.max(1, Math.round(time / milliseconds)));
  let [once] = (await side.run(1, 1)).milliseconds;
  if (once < time) once = median((await side.run(fitting(once), 0)).milliseconds);
  const iterations = fitting(once);
  // a side starts with cold caches and on a core that slept, so all sides first run a fifth as many
  // repetitions, which do not count
  return { iterations, warmup: Math.ceil(iterations / 5) };
}

/** Checks and times all peers; returns a row for each. A peer that fails is reported, not timed. */
export async function compete(
  us: PeerProcess,
  them: readonly PeerProcess[],
  contest: Contest,
  options: ContestOptions,
): Promise<ContestRow[]> {
  const { kind, model, batch } = contest;
  const request = { kind, model, batch, steps: CHECKED_STEPS };
  const expected = await us.prepare(request);
  const rows: ContestRow[] = [];
  const right: { peer: PeerProcess; row: ContestRow }[] = [];
  for (const peer of them) {
    const row: ContestRow = { ...contest };
    rows.push(row);
    try {
      row.difference = differenceOf(contest, expected, await peer.prepare(request));
      right.push({ peer, row });
    } catch (error) {
      row.failed = (error as Error).message;
    }
  }
  if (right.length === 0) return rows;
  const sides: { process: PeerProcess; plan: RunPlan; times: number[]; cpu: number[] }[] = [];
  for (const process of [us, ...right.map(({ peer }) => peer)]) {
    sides.push({ process, plan: await planRounds(process, options.time), times: [], cpu: [] });
  }
  for (let round = 0; round < (contest.rounds ?? options.rounds); round++) {
    for (const { process, plan, times, cpu } of sides) {
      const timed = await process.run(plan.iterations, plan.warmup);
      times.push(median(timed.milliseconds));
      cpu.push(timed.cpu);
    }
  }
  const [ours, ...theirs] = sides;
  const between = (a: readonly number[], b: readonly number[]) => ({
    ours: median(a),
    theirs: median(b),
    faster: ratioOfRounds(b, a),
  });
  for (const [i, { row }] of right.entries()) {
    Object.assign(row, between(ours.times, theirs[i].times), { cpu: between(ours.cpu, theirs[i].cpu) });
  }
  return rows;
}

/** What distinguishes a row from the others of its peer, besides batch and threads. */
export function waysOf({ model, variant, precision, way, waitPolicy }: ContestRow): string[] {
  return [model, variant, precision, way, waitPolicy && `wait policy ${waitPolicy}`].filter((way) => way !== undefined);
}

/** The row with the best time among the rows of one peer; a row without a time only if none has one. */
export function fastest(rows: readonly ContestRow[]): ContestRow {
  return rows.reduce((best, row) => ((row.theirs ?? Infinity) < (best.theirs ?? Infinity) ? row : best));
}
