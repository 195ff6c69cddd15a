/** The ways in which a job of three ranks ends: what to do to it, and what must come of it. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSafetensors } from "wasmgrad/io";
import { Job, type JobEnd, type Mpi } from "./job.ts";

export const RANKS = 3;
/** Seconds after which a rank gives up waiting for another, in these jobs. */
export const TIMEOUT_SECONDS = 4;

const PROGRAM = join(import.meta.dirname, "endings_program.ts");
/** The step in which rank 1 ends. */
const STEP = 5;
/** A library of the other MPI, which does not belong to the launcher. */
const WRONG: Record<Mpi, string> = { "Open MPI": "libmpich.so.12", MPICH: "libmpi.so.40" };

export interface Ending {
  /** What rank 1, the user or the machine does. */
  name: string;
  /** What rank 1 does in step 5, by its name in endings_program.ts. */
  way: string;
  /** What is done to the running job instead. */
  signal?: { to: "rank" | "launcher"; name: NodeJS.Signals };
  env?: (mpi: Mpi) => Record<string, string>;
  nodeOptions?: readonly string[];
  /** Exit codes of the launcher, where the ending decides about them. */
  code?: Partial<Record<Mpi, number>>;
  /** What the user reads, from this project or from the launcher. */
  says?: RegExp | Partial<Record<Mpi, RegExp>>;
  /** Whether all ranks stop after the same step, and rank 0 saves. */
  saves?: boolean;
}

export const ENDINGS: readonly Ending[] = [
  { name: "throws an error", way: "throw", code: both(1), says: /\[rank 1 of 3\] Error: boom/ },
  { name: "rejects a promise that nothing awaits", way: "reject", code: both(1), says: /\[rank 1 of 3\] Error: boom/ },
  { name: "calls `process.exit(3)`", way: "exit3", code: both(3), says: /\[rank 1 of 3\] ended with exit code 3/ },
  { name: "ends too early, with code 0", way: "exit0", says: /rank 1 ended, but rank \d waits for all ranks at/ },
  {
    name: "is killed (SIGKILL)",
    way: "kill",
    code: { "Open MPI": 137, MPICH: 9 },
    says: { "Open MPI": /exited on signal 9/ },
  },
  {
    name: "crashes (SIGSEGV)",
    way: "segfault",
    code: { "Open MPI": 139, MPICH: 11 },
    says: { "Open MPI": /exited on signal 11/ },
  },
  {
    name: "runs out of memory",
    way: "memory",
    nodeOptions: ["--max-old-space-size=150"],
    says: /heap out of memory/,
  },
  { name: "is stopped (SIGSTOP)", way: "stop", code: both(1), says: /rank 1 did not come to .* within 4 seconds/ },
  { name: "computes for ever", way: "loop", code: both(1), says: /rank 1 did not come to .* within 4 seconds/ },
  { name: "does something else than the others", way: "other", code: both(1), says: /all ranks must do the same/ },
  { name: "gets SIGTERM", way: "none", signal: { to: "rank", name: "SIGTERM" }, saves: true },
  {
    name: "gets SIGTERM, as all do, from the launcher",
    way: "none",
    signal: { to: "launcher", name: "SIGTERM" },
    saves: true,
  },
  {
    name: "gets SIGINT (Ctrl-C), as all do, from the launcher",
    way: "none",
    signal: { to: "launcher", name: "SIGINT" },
    saves: true,
  },
  { name: "loses the launcher (SIGKILL)", way: "none", signal: { to: "launcher", name: "SIGKILL" }, code: both(137) },
  {
    name: "finds a library that is not the launcher's",
    way: "none",
    env: (mpi) => ({ WASMGRAD_MPI: WRONG[mpi] }),
    says: /started 3 processes, but .* sees 1: the launcher and the library are of different MPIs/,
  },
  {
    name: "finds no MPI library",
    way: "none",
    env: () => ({ WASMGRAD_MPI: "libmissing.so" }),
    says: /WASMGRAD_MPI is libmissing.so, which cannot be loaded/,
  },
];

function both(code: number): Record<Mpi, number> {
  return { "Open MPI": code, MPICH: code };
}

export interface MeasuredEnding extends JobEnd {
  /** Milliseconds from what rank 1 did, or what was done to it, to the return of the launcher. */
  milliseconds: number;
  /** The steps after which the ranks have stopped, by rank, and after which rank 0 has saved. */
  stopped: number[];
  saved: number | null;
}

/** Runs a job to its end. */
export async function measureEnding(mpi: Mpi, { way, signal, env, nodeOptions }: Ending): Promise<MeasuredEnding> {
  const folder = mkdtempSync(join(tmpdir(), "wasmgrad-endings-"));
  try {
    const args = [way, String(STEP), String(TIMEOUT_SECONDS), folder];
    const job = new Job(mpi, PROGRAM, args, { ranks: RANKS, env: env?.(mpi), nodeOptions });
    let from = Date.now();
    if (signal) {
      await job.printed(/rank 0 is at step 5\b/);
      from = Date.now();
      const rank1 = Number(/rank 1 has pid (\d+)/.exec(job.output)![1]);
      if (signal.to === "rank") process.kill(rank1, signal.name);
      else job.launcher.kill(signal.name);
    }
    const end = await job.end;
    const died = /died at (\d+)/.exec(end.output);
    if (died) from = Number(died[1]);
    const stopped = [...end.output.matchAll(/rank \d stopped after step (\d+)/g)].map(([, step]) => Number(step));
    const saved = readStep(join(folder, "train.safetensors"));
    return { ...end, milliseconds: end.ended - from, stopped, saved };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The step of a checkpoint; null if there is none. */
function readStep(checkpoint: string): number | null {
  if (!existsSync(checkpoint)) return null;
  return JSON.parse(loadSafetensors(checkpoint).metadata.state).step;
}
