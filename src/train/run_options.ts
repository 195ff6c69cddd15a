import { checkBoolean, checkFunction, describe as describeValue, readOptions } from "../checks.ts";
import type { ProcessGroup } from "../distributed/process_group.ts";
import { OptionError } from "../errors.ts";
import type { Picture } from "../plot/picture.ts";
import type { EpochEntry } from "./log.ts";
import type { Trainer } from "./trainer.ts";

export interface RunOptions {
  /**
   * Whether `config` replaces the folder's recorded configuration, for example to train for more epochs.
   * Default false: a different configuration is an error.
   */
  replaceConfig?: boolean;
  /**
   * The processes that train together, which all make the run and call its functions: rank 0 writes and
   * prints, the others only read. The folder must be one that all machines share. Default: this process
   * alone.
   */
  group?: ProcessGroup;
}

export interface RunTrainOptions {
  /** File name of the log. Default: the name of the training plus ".jsonl". */
  log?: string;
  /** Returns the line to print after an epoch. Default: all numbers of the epoch. */
  describe?: (entry: EpochEntry, trainer: Trainer) => string;
  /**
   * Returns pictures, by name, that are written after each epoch as `<name>.png`. Default: the log's
   * `curves`, written when training ends, as `<name>-<curve>.png`.
   */
  pictures?: (trainer: Trainer) => Record<string, Picture>;
  /**
   * Shows the progress of each epoch: a bar on a terminal, else a line every five seconds. The value is the
   * unit of the rate: "images" gives images per second. Default: no progress is shown.
   */
  progress?: string;
}

/** Checks the options of a run. */
export function readRunOptions(options: RunOptions | undefined): { replaceConfig: boolean; group?: ProcessGroup } {
  const { replaceConfig, group } = readOptions<RunOptions>("Run", options, { replaceConfig: false, group: undefined });
  if (group !== undefined && !(Number.isInteger(group?.rank) && typeof group.barrier === "function")) {
    throw new OptionError(`Run: group expected the result of initProcessGroup(), got ${describeValue(group)}`);
  }
  return { replaceConfig: checkBoolean("Run", "replaceConfig", replaceConfig), group };
}

/** Checks the options of a training called `name`, and fills in defaults. */
export function readTrainOptions(name: string, options: RunTrainOptions | undefined) {
  const { log, describe, pictures, progress } = readOptions<RunTrainOptions>("Run.train", options, {
    log: undefined,
    describe: undefined,
    pictures: undefined,
    progress: undefined,
  });
  if (describe !== undefined) checkFunction("Run.train", "describe", describe);
  if (pictures !== undefined) checkFunction("Run.train", "pictures", pictures);
  for (const [option, value] of Object.entries({ log, progress })) {
    if (value === undefined || (typeof value === "string" && value !== "")) continue;
    throw new OptionError(`Run.train: ${option} expected a text, got ${describeValue(value)}`);
  }
  const showAll = ({ kind: _, step: __, ...numbers }: EpochEntry) => {
    const shown = Object.entries(numbers).map(([key, value]) => `${key} ${Number(Number(value).toPrecision(4))}`);
    return `${name}: ${shown.join(", ")}`;
  };
  return { log: log ?? `${name}.jsonl`, describe: describe ?? showAll, pictures, progress };
}
