/** A Slurm of one machine, without systemd: all of its files and sockets are in one folder. */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, freemem, hostname, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const PROGRAMS = ["munged", "slurmctld", "slurmd", "srun", "sbatch"];
const START_SECONDS = 30;

function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/bin"];
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

/** Why there is no Slurm here; null if there is one. */
export function slurmMissing(): string | null {
  const missing = PROGRAMS.filter((program) => !find(program));
  if (missing.length > 0)
    return `${missing} not found: apt-get install slurmctld slurmd slurm-client munge libpmix-dev`;
  // slurmd starts jobs as their users
  return process.getuid?.() === 0 ? null : "slurmd needs the user root";
}

/** Ports of this machine that are free now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((done) =>
          server.listen(0, "127.0.0.1", () => done((server.address() as { port: number }).port)),
        ),
    ),
  );
  for (const server of servers) server.close();
  return ports;
}

function configuration(folder: string, [controlPort, nodePort]: number[]): string {
  const host = hostname();
  return `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${controlPort}
SlurmUser=${userInfo().username}
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmdSpoolDir=${folder}/spool
StateSaveLocation=${folder}/state
ReturnToService=2
KillWait=5
SchedulerParameters=sched_interval=2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
NodeName=n1 NodeHostname=${host} NodeAddr=127.0.0.1 Port=${nodePort} CPUs=${availableParallelism()} RealMemory=${Math.floor(freemem() / 2 ** 21)} State=UNKNOWN
`;
}

export class Slurm {
  readonly folder: string;
  readonly #daemons: ChildProcess[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts it in an empty folder, and returns when its node is ready for jobs. */
  static async start(folder: string): Promise<Slurm> {
    const slurm = new Slurm(folder);
    for (const name of ["state", "spool"]) mkdirSync(join(folder, name), { recursive: true });
    const key = join(folder, "munge.key");
    writeFileSync(key, randomBytes(1024), { mode: 0o600 });
    writeFileSync(join(folder, "slurm.conf"), configuration(folder, await freePorts(2)));
    const file = (name: string) => join(folder, name);
    try {
      slurm.#daemon(
        "munged",
        "--force",
        "--foreground",
        `--socket=${file("munge.socket")}`,
        `--key-file=${key}`,
        `--pid-file=${file("munged.pid")}`,
        `--seed-file=${file("munged.seed")}`,
      );
      await until("munged", () => existsSync(file("munge.socket")));
      slurm.#daemon("slurmctld", "-D", "-c", "-f", file("slurm.conf"));
      slurm.#daemon("slurmd", "-D", "-N", "n1", "-f", file("slurm.conf"));
      await until("slurmd", async () => /idle/.test((await slurm.run("sinfo", ["--noheader", "--format=%T"])).output));
    } catch (error) {
      await slurm.stop();
      throw error;
    }
    return slurm;
  }

  #daemon(program: string, ...args: string[]): void {
    this.#daemons.push(spawn(find(program)!, args, { env: this.env, stdio: "ignore" }));
  }

  /** The environment in which the commands of Slurm find this one. */
  get env(): NodeJS.ProcessEnv {
    return { ...process.env, SLURM_CONF: join(this.folder, "slurm.conf") };
  }

  /** Runs srun, sbatch, scontrol and the like in a folder. */
  run(command: string, args: readonly string[], cwd = this.folder): Promise<{ code: number; output: string }> {
    return new Promise((done) =>
      execFile(command, args, { env: this.env, cwd }, (error, stdout, stderr) =>
        done({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr }),
      ),
    );
  }

  /** A field of a job, such as JobState, as `scontrol show job` prints it. */
  async field(job: string, name: string): Promise<string | undefined> {
    const { output } = await this.run("scontrol", ["show", "job", job]);
    return new RegExp(`\\b${name}=(\\S+)`).exec(output)?.[1];
  }

  /** The processes of a job's ranks. */
  async pids(job: string): Promise<number[]> {
    const { output } = await this.run("scontrol", ["listpids", `${job}.0`]);
    return Array.from(output.matchAll(/^\s*(\d+)\s+\d+\s+0\s+\d+/gm), ([, pid]) => Number(pid));
  }

  /**
   * Waits until a job is in the queue again, and may start: in the second in which slurmd has ended a job it
   * takes the job's credential for revoked, and a job that starts then fails.
   */
  async requeued(job: string): Promise<void> {
    const isPending = async () => (await this.field(job, "JobState")) === "PENDING";
    await until(
      `requeue of job ${job}`,
      async () => (await this.field(job, "Restarts")) === "1" && (await isPending()),
    );
    await wait(3000);
  }

  /**
   * Waits until a job is done, whether it succeeded or not. Returns its last state. A job that was requeued
   * starts at once: Slurm would wait for two minutes.
   */
  async finished(job: string, seconds = 120): Promise<string> {
    let state: string | undefined;
    await until(
      `job ${job}`,
      async () => {
        state = await this.field(job, "JobState");
        const isRequeued = state === "PENDING" && (await this.field(job, "Restarts")) !== "0";
        if (isRequeued) await this.run("scontrol", ["update", `JobId=${job}`, "StartTime=now"]);
        return state !== undefined && !/^(PENDING|RUNNING|COMPLETING|REQUEUED|SUSPENDED)/.test(state);
      },
      seconds,
    );
    return state!;
  }

  /** Ends the jobs and the daemons. */
  async stop(): Promise<void> {
    try {
      execFileSync("scancel", ["--full", "--signal=KILL", `--user=${userInfo().username}`], {
        env: this.env,
        stdio: "ignore",
      });
      await until("end of all jobs", async () => (await this.run("squeue", ["--noheader"])).output.trim() === "");
    } catch {
      // it did not start, or is gone
    }
    for (const daemon of this.#daemons.reverse()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
      const ended = new Promise((done) => daemon.once("exit", done));
      daemon.kill("SIGTERM");
      await Promise.race([ended, wait(10_000)]);
      daemon.kill("SIGKILL");
    }
  }
}

/** Waits until `ready`, which it asks ten times per second. */
async function until(what: string, ready: () => boolean | Promise<boolean>, seconds = START_SECONDS): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  while (!(await ready())) {
    if (performance.now() > end) throw new Error(`${what}: not after ${seconds} s`);
    await wait(100);
  }
}
