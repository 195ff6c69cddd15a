import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "../lib/child.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, printTable } from "../lib/table.ts";
import { type ContestRow, compete } from "../versus/contest.ts";
import { writeInputs } from "../versus/inputs.ts";
import { PeerProcess } from "../versus/peer_process.ts";
import { ours } from "../versus/peers.ts";

/**
 * A comparison in which "theirs" is our library on one thread, so that `faster` is the speed-up by more
 * threads.
 */
export type ThreadRow = ContestRow;

const BATCHES = [4, 64, 256];

/** Runs one process for each number of threads, so that the workers of one sleep while the other computes. */
async function measure(threads: number, batch: number, inputs: string, context: Context): Promise<ThreadRow> {
  const start = (count: number) => PeerProcess.start([...ours, inputs, String(count), ""], environment);
  const many = await start(threads);
  try {
    const one = await start(1);
    try {
      const contest = { kind: "train", batch, threads } as const;
      const [row] = await compete(many, [one], contest, { rounds: context.rounds, time: 4 * context.time });
      return row;
    } finally {
      await one.stop();
    }
  } finally {
    await many.stop();
  }
}

async function run(context: Context): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "wasmgrad-threads-"));
  const rows: ThreadRow[] = [];
  try {
    const inputs = join(folder, "inputs.safetensors");
    writeInputs(inputs, Math.max(...BATCHES));
    for (let threads = 2; threads <= Math.max(2, availableParallelism()); threads *= 2) {
      for (const batch of BATCHES) rows.push(await measure(threads, batch, inputs, context));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const failed = rows.find((row) => row.failed);
  if (failed) throw new Error(`threads: ${failed.failed}`);
  printTable(
    "Training step, threads",
    ["", "ms", "ms on one", "faster", "half of the rounds"],
    rows.map(({ batch, threads, ours, theirs, faster }) => [
      `batch ${batch}, ${threads} threads`,
      digits(ours!),
      digits(theirs!),
      `${digits(faster!.median)} x`,
      `${digits(faster!.low)} to ${digits(faster!.high)}`,
    ]),
  );
  context.save("threads", rows);
}

export const threads: Suite = { name: "threads", about: "the training step on more than one thread", run };
