import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataError, OptionError } from "wasmgrad";
import type { Options, Settings } from "./options.ts";

/** The files of a run. */
export class RunFolder {
  readonly path: string;
  /** The outermost folder that was made for the run. */
  #made: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder where it is missing, and config.json in it. */
  writeConfig(settings: Settings): void {
    try {
      this.#made = mkdirSync(this.path, { recursive: true });
      writeFileSync(this.file("config.json"), `${JSON.stringify(settings, null, 2)}\n`);
    } catch (cause) {
      throw new DataError(`--out: cannot write to ${this.path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Takes back `writeConfig`, for a run that cannot begin. */
  discard(): void {
    if (this.#made) rmSync(this.#made, { recursive: true });
    else rmSync(this.file("config.json"));
  }

  readonly file = (
    name: "config.json" | "log.jsonl" | "grid.png" | "loss.png" | "weights.safetensors" | "checkpoint.safetensors",
  ) => join(this.path, name);
}

const RUNS = "runs";

/**
 * Makes the folder of a new run and its config.json, or finds that of the run to go on with and its settings. Whether it can be
 * written to shows here, before any work is done.
 */
export function openRun(options: Options): { folder: RunFolder; settings: Settings } {
  if (options.resume !== null) return reopenRun(options);
  const { settings } = options;
  const data = ["sample", "cifar10"].includes(settings.data) ? settings.data : "folder";
  const folder = new RunFolder(
    options.out ?? freeName(join(RUNS, `inpainting-${settings.preset}-${data}-${timestamp()}`)),
  );
  if (existsSync(folder.file("checkpoint.safetensors")) || existsSync(folder.file("weights.safetensors"))) {
    throw new OptionError(
      `--out: ${folder.path} holds a run already; go on with it by --resume, or take another folder`,
    );
  }
  folder.writeConfig(settings);
  return { folder, settings };
}

function reopenRun({ resume, settings, given }: Options): { folder: RunFolder; settings: Settings } {
  const folder = new RunFolder(resume === "latest" ? latestRun() : (resume as string));
  if (!existsSync(folder.file("checkpoint.safetensors"))) {
    throw new DataError(`--resume: there is no checkpoint in ${folder.path}`);
  }
  const before = readConfig(folder);
  for (const name of given) {
    if (name !== "epochs" && settings[name] !== before[name]) {
      throw new OptionError(
        `--resume: the run in ${folder.path} has ${name} ${before[name]}; it cannot go on with ${settings[name]}`,
      );
    }
  }
  const resumed = given.has("epochs") ? { ...before, epochs: settings.epochs } : before;
  folder.writeConfig(resumed);
  return { folder, settings: resumed };
}

function readConfig(folder: RunFolder): Settings {
  try {
    return JSON.parse(readFileSync(folder.file("config.json"), "utf8"));
  } catch (cause) {
    throw new DataError(`--resume: cannot read ${folder.file("config.json")}: ${(cause as Error).message}`, { cause });
  }
}

function latestRun(): string {
  const checkpointed = (existsSync(RUNS) ? readdirSync(RUNS) : [])
    .map((name) => new RunFolder(join(RUNS, name)).file("checkpoint.safetensors"))
    .filter((path) => existsSync(path))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs);
  const newest = checkpointed.at(-1);
  if (newest === undefined) throw new DataError(`--resume: there is no run with a checkpoint in ${RUNS}/`);
  return join(newest, "..");
}

/** 20260131-174500, local time. */
function timestamp(): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${date}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}

function freeName(path: string): string {
  for (let i = 2, name = path; ; i++, name = `${path}-${i}`) if (!existsSync(name)) return name;
}
