/** Starts programs of several ranks, as a user does, and watches how they end. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { root } from "../source.ts";

export type Mpi = "Open MPI" | "MPICH";
export const MPIS: readonly Mpi[] = ["Open MPI", "MPICH"];

const LAUNCHERS: Record<Mpi, string> = { "Open MPI": "mpirun.openmpi", MPICH: "mpiexec.hydra" };
const PACKAGES: Record<Mpi, string> = { "Open MPI": "openmpi-bin libopenmpi3", MPICH: "mpich libmpich12" };

/** Why there is no launcher of an MPI here; null if there is one. */
export function mpiMissing(mpi: Mpi): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, LAUNCHERS[mpi])))) return null;
  return `${LAUNCHERS[mpi]} not found: apt-get install ${PACKAGES[mpi]}`;
}

/** Root may start jobs, there may be more ranks than cores, and messages stay on this machine. */
const SETTINGS = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
  OMPI_MCA_mpi_yield_when_idle: "1",
  OMPI_MCA_oob_tcp_if_include: "lo",
  OMPI_MCA_btl_tcp_if_include: "lo",
};

export interface JobOptions {
  ranks: number;
  /** Arguments of the launcher before the program. */
  launcherArgs?: readonly string[];
  /** What starts the launcher, for example on another host. */
  wrap?: (command: readonly string[]) => readonly string[];
  env?: Record<string, string | undefined>;
  /** Options of Node. */
  nodeOptions?: readonly string[];
  cwd?: string;
  /** Milliseconds after which the job counts as hanging, and is killed. */
  limit?: number;
}

export interface JobEnd {
  /** The exit code of the launcher: 128 plus the number of the signal that ended it, as shells report it. */
  code: number;
  output: string;
  errors: string;
  /** Whether the job was killed because it did not end. */
  hung: boolean;
  /** Processes of the job that still run two seconds after the launcher has returned. */
  left: number[];
  /** When the launcher returned, by `Date.now()`. */
  ended: number;
}

const SIGNALS: Record<string, number> = { SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };
const LIMIT_MS = 60_000;

/** The arguments of Node for a program in TypeScript, which imports the sources. */
const node = (program: string) => ["--import", join(root, "node_modules/tsx/dist/loader.mjs"), program];

/** A job that runs. */
export class Job {
  readonly launcher: ChildProcess;
  readonly end: Promise<JobEnd>;
  #output = "";
  #errors = "";

  constructor(mpi: Mpi | null, program: string, args: readonly string[], options: JobOptions) {
    const { ranks, launcherArgs = [], wrap = (command) => command, nodeOptions = [], env, cwd } = options;
    const launcher = mpi ? [LAUNCHERS[mpi], ...launcherArgs, "-n", String(ranks)] : [];
    const [command, ...rest] = wrap([...launcher, process.execPath, ...nodeOptions, ...node(program), ...args]);
    const tsconfig = {
      TSX_TSCONFIG_PATH: join(root, "tsconfig.json"),
      FORCE_COLOR: undefined,
      NODE_OPTIONS: undefined,
    };
    this.launcher = spawn(command, rest, { cwd, env: { ...process.env, ...SETTINGS, ...tsconfig, ...env } });
    this.launcher.stdout!.setEncoding("utf8").on("data", (text) => (this.#output += text));
    this.launcher.stderr!.setEncoding("utf8").on("data", (text) => (this.#errors += text));
    this.end = this.#watch(options.limit ?? LIMIT_MS);
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#output;
  }

  /** The processes of the ranks that have printed `pid <number>`. */
  get pids(): number[] {
    return Array.from(this.#output.matchAll(/\bpid (\d+)/g), ([, pid]) => Number(pid));
  }

  /** Waits until it has printed something. */
  async printed(text: string | RegExp): Promise<void> {
    const found = () => (typeof text === "string" ? this.#output.includes(text) : text.test(this.#output));
    while (!found()) {
      if (this.launcher.exitCode !== null) throw new Error(`the job has ended: ${this.#output}${this.#errors}`);
      await wait(20);
    }
  }

  async #watch(limit: number): Promise<JobEnd> {
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      for (const pid of [...this.pids, this.launcher.pid!]) if (isRunning(pid)) process.kill(pid, "SIGKILL");
    }, limit);
    const closed = new Promise((done) => this.launcher.once("close", done));
    const [code, signal] = await new Promise<[number | null, string | null]>((done) =>
      this.launcher.once("exit", (...result) => done(result)),
    );
    const ended = Date.now();
    await Promise.race([closed, wait(2000)]); // a rank that is left keeps its output open
    clearTimeout(timer);
    const left = await stillRunning(this.pids);
    for (const pid of left) process.kill(pid, "SIGKILL");
    return { code: code ?? 128 + SIGNALS[signal!], output: this.#output, errors: this.#errors, hung, left, ended };
  }
}

/** Runs a program to its end. Without an MPI it is one process, without a launcher. */
export function runJob(
  mpi: Mpi | null,
  program: string,
  args: readonly string[],
  options: JobOptions,
): Promise<JobEnd> {
  return new Job(mpi, program, args, options).end;
}

/** Whether a process runs. One that has ended stays in the list until its parent asks for it. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Those of the processes that do not end within two seconds. */
async function stillRunning(pids: readonly number[]): Promise<number[]> {
  for (let i = 0; i < 40 && pids.some(isRunning); i++) await wait(50);
  return pids.filter(isRunning);
}
