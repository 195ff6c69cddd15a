import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError, OptionError } from "wasmgrad";
import type { ProcessGroup } from "wasmgrad/distributed";
import { Run } from "wasmgrad/train";
import type { Options, Settings } from "./options.ts";

const RUNS = "runs";
/** Name of the checkpoint of a run, without ".safetensors". */
export const CHECKPOINT = "checkpoint";

const checkpointIn = (folder: string) => join(folder, `${CHECKPOINT}.safetensors`);

/**
 * Makes the folder of a new run, or opens that of the run to resume, and returns it with the run's settings.
 * A folder that cannot be written is an error here, before any work is done. In a group, rank 0 decides.
 */
export function openRun(options: Options, group: ProcessGroup): { run: Run; settings: Settings } {
  const find = () => (options.resume === null ? newRun(options) : earlierRun(options));
  const { folder, settings } = group.allGatherObject(group.rank === 0 ? find() : null)[0]!;
  if (group.worldSize > 1 && settings.shards === 0) {
    throw new OptionError(`--shards: expected for ${group.worldSize} processes, so that they train together`);
  }
  return { run: makeRun(folder, settings, settings.shards > 0 ? group : undefined), settings };
}

interface Place {
  folder: string;
  settings: Settings;
}

function newRun({ settings, out }: Options): Place {
  const data = ["sample", "cifar10"].includes(settings.data) ? settings.data : "folder";
  const folder = out ?? freeName(join(RUNS, `inpainting-${settings.preset}-${data}-${timestamp()}`));
  if (existsSync(checkpointIn(folder)) || existsSync(join(folder, "weights.safetensors"))) {
    throw new OptionError(`--out: ${folder} holds a run already; continue it with --resume, or take another folder`);
  }
  return { folder, settings };
}

function makeRun(folder: string, settings: Settings, group: ProcessGroup | undefined): Run {
  try {
    return new Run(folder, "inpainting", { ...settings }, { replaceConfig: true, group });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`--out: cannot write to ${folder}: ${(error.cause as Error).message}`, { cause: error });
  }
}

function earlierRun({ resume, settings, given }: Options): Place {
  const folder = resume === "latest" ? latestRun() : (resume as string);
  if (!existsSync(checkpointIn(folder))) throw new DataError(`--resume: there is no checkpoint in ${folder}`);
  const before = { shards: 0, ...Run.readConfig(folder) } as unknown as Settings;
  for (const name of given) {
    if (name !== "epochs" && settings[name] !== before[name]) {
      throw new OptionError(
        `--resume: the run in ${folder} has ${name} ${before[name]}; it cannot continue with ${settings[name]}`,
      );
    }
  }
  return { folder, settings: given.has("epochs") ? { ...before, epochs: settings.epochs } : before };
}

function latestRun(): string {
  const checkpointed = (existsSync(RUNS) ? readdirSync(RUNS) : [])
    .map((name) => join(RUNS, name))
    .filter((folder) => existsSync(checkpointIn(folder)))
    .sort((a, b) => statSync(checkpointIn(a)).mtimeMs - statSync(checkpointIn(b)).mtimeMs);
  const newest = checkpointed.at(-1);
  if (newest === undefined) throw new DataError(`--resume: there is no run with a checkpoint in ${RUNS}/`);
  return newest;
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
