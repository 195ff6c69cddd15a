/**
 * Everything that training leaves has the same bits on any number of ranks. The whole table, some 50 jobs, is
 * run by `BITS=all npm run test:distributed`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BitsOptions } from "../support/distributed/bits_program.ts";
import { type JobOptions, MPIS, type Mpi, mpiMissing, runJob } from "../support/distributed/job.ts";
import { root } from "../support/source.ts";

const PROGRAM = join(root, "test/support/distributed/bits_program.ts");
const isWhole = process.env.BITS === "all";

/** Numbers of ranks by numbers of shards. */
const TABLE: Record<number, readonly number[]> = isWhole
  ? { 5: [1, 2, 3, 4, 5, 8], 6: [1, 2, 3, 4, 5, 8], 8: [1, 2, 3, 4, 5, 8], 16: [1, 2, 3, 4, 5, 8] }
  : { 5: [3], 6: [5], 8: [1, 2, 3, 4], 16: [4] };

/** Trains on some ranks. Returns what rank 0 prints: the last step and the hashes of all ranks. */
async function train(mpi: Mpi | null, ranks: number, options: BitsOptions, job: Partial<JobOptions> = {}) {
  const end = await runJob(mpi, PROGRAM, [JSON.stringify(options)], { ranks, cwd: root, ...job });
  expect(end.errors).not.toMatch(/Error/);
  expect(end.code).toBe(0);
  const line = /step .*/.exec(end.output)?.[0];
  expect(line).toMatch(/^step \d+: [0-9a-f]{16}$/);
  return line;
}

const alone = new Map<number, Promise<string | undefined>>();
/** The result of one process that was started without a launcher. */
function trainAlone(shards: number): Promise<string | undefined> {
  const known = alone.get(shards) ?? train(null, 1, { shards });
  alone.set(shards, known);
  return known;
}

describe.each(MPIS)("%s", (mpi) => {
  const missing = mpiMissing(mpi);
  if (missing) console.log(`skipped: ${missing}`);
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-bits-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const cases = Object.entries(TABLE).flatMap(([shards, all]) => all.map((ranks) => [Number(shards), ranks] as const));
  test.skipIf(missing).each(cases)("%d shards on %d ranks", async (shards, ranks) => {
    expect(await train(mpi, ranks, { shards })).toBe(await trainAlone(shards));
  });

  test.skipIf(missing)("two threads for each rank", async () => {
    expect(await train(mpi, 2, { shards: 8, threads: 2 })).toBe(await trainAlone(8));
  });

  test.skipIf(missing || mpi === "MPICH")("messages by TCP", async () => {
    const launcherArgs = ["--mca", "btl", "tcp,self"];
    expect(await train(mpi, 4, { shards: 8 }, { launcherArgs })).toBe(await trainAlone(8));
  });

  test.skipIf(missing)("stopped by one rank, and resumed on other numbers of ranks", async () => {
    const file = join(folder, "run.safetensors");
    expect(await train(mpi, 3, { shards: 8, file, stopAfter: 3 })).toMatch(/^step 3:/);
    expect(await train(mpi, 2, { shards: 8, file, stopAfter: 7 })).toMatch(/^step 7:/);
    expect(await train(mpi, 5, { shards: 8, file })).toBe(await trainAlone(8));
  });

  test.skipIf(missing)("local steps: all ranks end with the same weights, in each run", async () => {
    const first = await train(mpi, 3, { shards: 6, localSteps: 3 });
    expect(first).not.toBe(await trainAlone(6));
    expect(await train(mpi, 3, { shards: 6, localSteps: 3 })).toBe(first);
  });
});
