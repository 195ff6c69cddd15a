/** The scripts of the example on a Slurm of one machine: a rank is killed, the job is requeued, a sweep. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MPIS, type Mpi, runJob } from "../support/distributed/job.ts";
import { Slurm, slurmMissing } from "../support/distributed/slurm.ts";
import { root } from "../support/source.ts";

const PROGRAM = join(root, "examples/distributed/train.ts");
const SCRIPT = join(root, "examples/distributed/job.sbatch");
const SWEEP = join(root, "examples/distributed/sweep.sbatch");
const ARGS = ["--batch-size", "100", "--epochs", "4"];
/** The ranks of this machine in place of the cluster's: options of sbatch win over those of the script. */
const HERE = ["--nodes=1", "--ntasks-per-node=2", "--cpus-per-task=1"];
const LIMIT_MS = 240_000;

const missing = slurmMissing();
if (missing) console.log(`skipped: ${missing}`);

const weightsIn = (text: string) => /weights ([0-9a-f]{16})/.exec(text)?.[1];

describe.skipIf(missing !== null)("Slurm", { timeout: LIMIT_MS }, () => {
  let folder: string;
  let slurm: Slurm;
  let alone: string | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-slurm-"));
    const args = ["--shards", "8", ...ARGS, "--out", join(folder, "alone")];
    alone = weightsIn((await runJob(null, PROGRAM, args, { ranks: 1, cwd: root })).output);
    expect(alone).toBeDefined();
    slurm = await Slurm.start(folder);
  }, LIMIT_MS);
  afterAll(async () => {
    await slurm?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Submits the example's script. Returns the job, the run's folder and what reads the output. */
  async function submit(mpi: Mpi, name: string, ...options: string[]) {
    const out = join(folder, name);
    const log = `${out}.log`;
    const exported = `--export=ALL,MPI=${mpi === "MPICH" ? "pmi2" : "pmix"},RUN=${out}`;
    const args = ["--parsable", ...HERE, exported, `--output=${log}`, ...options, SCRIPT, ...ARGS];
    const { code, output } = await slurm.run("sbatch", args, root);
    expect(code, output).toBe(0);
    return { job: output.trim(), out, read: () => (existsSync(log) ? readFileSync(log, "utf8") : "") };
  }

  async function until(what: string, ready: () => boolean): Promise<void> {
    for (let i = 0; i < 1200; i++) {
      if (ready()) return;
      await wait(100);
    }
    throw new Error(`${what}: not after two minutes`);
  }

  test.each(MPIS)("a job with %s gives the weights of one process", async (mpi) => {
    const { job, read } = await submit(mpi, mpi === "MPICH" ? "mpich" : "openmpi");
    expect(await slurm.finished(job), read()).toBe("COMPLETED");
    expect(read()).toContain("2 ranks");
    expect(weightsIn(read())).toBe(alone);
  });

  test("a rank is killed: the job is requeued, and continues to the same weights", async () => {
    const { job, out, read } = await submit("Open MPI", "killed");
    await until("checkpoint", () => existsSync(join(out, "train.safetensors")));
    const pids = await slurm.pids(job);
    expect(pids).toHaveLength(2);
    process.kill(pids[1], "SIGKILL");
    await slurm.requeued(job);
    expect(await slurm.finished(job), read()).toBe("COMPLETED");
    expect(weightsIn(read())).toBe(alone);
  });

  test("SIGTERM before the end of the time: all ranks save and end, and the job continues", async () => {
    const { job, read } = await submit("MPICH", "stopped");
    await until("first epoch", () => /epoch 1/.test(read()));
    await slurm.run("scancel", ["--signal=TERM", job]);
    await slurm.requeued(job);
    expect(read()).toMatch(/stopped by SIGTERM/);
    expect(await slurm.finished(job), read()).toBe("COMPLETED");
    expect(weightsIn(read())).toBe(alone);
  });

  test("a sweep is an array of jobs, one of which has the seed and the rate of its number", async () => {
    const log = join(folder, "sweep.log");
    const options = ["--parsable", "--array=5", "--cpus-per-task=1", `--output=${log}`];
    const sweep = join(folder, "sweep");
    const { output } = await slurm.run("sbatch", [...options, SWEEP, "--epochs", "1", "--out", sweep], root);
    expect(await slurm.finished(output.trim())).toBe("COMPLETED");
    expect(JSON.parse(readFileSync(join(sweep, "results.json"), "utf8"))).toMatchObject({ seed: 1, lr: 1e-3 });
  });
});
