import { checkBoolean, checkFunction, describe as describeValue, readOptions } from "../checks.ts";
import { DataError, OptionError, WasmgradError } from "../errors.ts";
import { isStoredPath, type StoredPath } from "../io/origin_files.ts";
import type { Picture } from "../plot/picture.ts";
import { savePNG } from "../plot/png_file.ts";
import { builtin, nodeModule } from "../runtime/node_module.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { resumeTrainer, saveTrainer } from "./checkpoint.ts";
import { curves, type EpochEntry } from "./log.ts";
import { ProgressBar } from "./progress_bar.ts";
import { type Config, checkConfig, parseConfig, toJsonText } from "./run_config.ts";
import { openRunFolder, type RunFolder, storedRunFolder } from "./run_folder.ts";
import { Trainer } from "./trainer.ts";
import type { Callback } from "./trainer_options.ts";

/** A signal that stops a run after the running step. */
export type StopSignal = "SIGINT" | "SIGTERM";

/**
 * Thrown by `Run.train` when a signal stopped it. The completed steps are saved.
 *
 * What to do: run the same command again, which continues. A program ends by
 * `process.exit(error.exitCode)`.
 */
export class Interrupted extends WasmgradError {
  override name = "Interrupted";
  readonly signal: StopSignal;

  constructor(signal: StopSignal, folder: string) {
    super(`stopped by ${signal}; the same command resumes the run in ${folder}`);
    this.signal = signal;
  }

  /** The exit code that shells report for a process ended by this signal: 128 plus the signal's number. */
  get exitCode(): number {
    return 128 + builtin("node:os").constants.signals[this.signal];
  }
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

/**
 * The folder of an experiment, with its configuration, logs, curves, pictures, weights and results. `train`
 * resumes a training that an earlier process began, and only loads one that is finished. A program that is
 * started again therefore ends with the same bits.
 *
 * In a page, the folder is one that the browser keeps: `await Run.open("opfs:runs/first", …)`. A reload of
 * the page is there what a new process is in Node.
 *
 * @param folder the path of a folder (Node, Deno, Bun)
 * @param experiment the experiment's name, which is recorded with the configuration
 * @param options `replaceConfig` (default false): whether `config` replaces the folder's recorded
 * configuration, for example to train for more epochs. By default a different configuration is an error.
 * @throws OptionError when the folder has a run with another configuration, or where there are no files;
 * DataError when it cannot be written.
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Run } from "wasmgrad/train";
 * const folder = mkdtempSync(join(tmpdir(), "wasmgrad-example-run-"));
 * const run = new Run(folder, "example", { epochs: 3, seed: 0 });
 * run.results({ accuracy: 0.5 }); // results.json, beside config.json
 * console.log(run.file("config.json").endsWith("config.json")); // true
 * ```
 */
export class Run {
  readonly folder: string;
  readonly config: Config;
  readonly #files: RunFolder;
  #results: Record<string, unknown> = {};

  constructor(folder: string, experiment: string, config: Config, options?: { replaceConfig?: boolean });
  /** @internal For `Run.open`, which has opened the folder. */
  constructor(folder: string, experiment: string, config: Config, options: undefined, opened: RunFolder);
  constructor(
    folder: string,
    experiment: string,
    config: Config,
    options?: { replaceConfig?: boolean },
    opened?: RunFolder,
  ) {
    this.folder = folder;
    this.config = config;
    if (opened) {
      this.#files = opened;
      return;
    }
    const replaces = readReplaceConfig(options);
    if (isStoredPath(folder) || !nodeModule("node:fs")) {
      const path = isStoredPath(folder) ? folder : `opfs:${String(folder).replace(/^[./]+/, "")}`;
      throw new OptionError(`Run: a page has no files; write await Run.open(${JSON.stringify(path)}, ...)`);
    }
    const recorded = { experiment, config };
    try {
      const files = openRunFolder(folder);
      this.#files = files;
      if (!replaces) checkConfig(folder, files.read("config.json"), recorded);
      this.#write("config.json", recorded);
    } catch (cause) {
      if (cause instanceof OptionError) throw cause;
      throw new DataError(`${folder}: cannot be used for a run: ${(cause as Error).message}`, { cause });
    }
  }

  /**
   * A run whose folder is read and written later, for pages; in Node, Deno and Bun also one of a path. What
   * the run writes is complete when `train` returns, and when the promises of `picture` and `results` are
   * fulfilled.
   *
   * @param folder a folder that the browser keeps, such as "opfs:runs/first", or the path of a folder
   * @throws as the constructor.
   * @example
   * ```ts
   * import { Run } from "wasmgrad/train";
   * const run = await Run.open("opfs:runs/first", "example", { epochs: 3, seed: 0 });
   * await run.results({ accuracy: 0.5 });
   * console.log(run.file("results.json")); // opfs:runs/first/results.json
   * ```
   */
  static async open(
    folder: StoredPath | string,
    experiment: string,
    config: Config,
    options?: { replaceConfig?: boolean },
  ): Promise<Run> {
    if (!isStoredPath(folder)) return new Run(folder, experiment, config, options);
    const recorded = { experiment, config };
    const files = storedRunFolder(folder);
    if (!readReplaceConfig(options)) checkConfig(folder, await files.readLater("config.json"), recorded);
    const run = new Run(folder, experiment, config, undefined, files);
    await run.#write("config.json", recorded);
    return run;
  }

  /**
   * Reads the configuration of the run in a folder. The result is a promise for a folder that the browser
   * keeps.
   *
   * @throws DataError when there is none.
   */
  static readConfig(folder: StoredPath): Promise<Config>;
  static readConfig(folder: string): Config;
  static readConfig(folder: string): Config | Promise<Config> {
    const read = (text: string | undefined) => parseConfig(folder, text);
    return isStoredPath(folder)
      ? storedRunFolder(folder).readLater("config.json").then(read)
      : read(openRunFolder(folder, { create: false }).read("config.json"));
  }

  /** The path of a file of this run. */
  file(name: string): string {
    return this.#files.path(name);
  }

  #write(name: string, value: unknown): void | Promise<void> {
    return this.#files.write(name, `${JSON.stringify(value, toJsonText, 2)}\n`);
  }

  /**
   * Deletes config.json and the folders created for the run, if they contain nothing else. Used if a run
   * cannot begin. In a page it returns a promise, and deletes config.json only.
   */
  discard(): void | Promise<void> {
    return this.#files.discard("config.json");
  }

  /** Writes `name`.png. In a page it returns a promise. */
  picture(name: string, picture: Picture): void | Promise<void> {
    return savePNG(this.file(`${name}.png`), picture);
  }

  /**
   * Adds numbers (or anything else that JSON can represent) to results.json. In a page it returns a promise.
   */
  results(values: Record<string, unknown>): void | Promise<void> {
    this.#results = { ...this.#results, ...values };
    return this.#write("results.json", this.#results);
  }

  /**
   * Trains until all epochs are done. Writes `name`.safetensors (a checkpoint, after each epoch and when
   * stopped), `name`.jsonl (the configuration, then the log's entries, one per line) and pictures. SIGINT or
   * SIGTERM stops training after the running step; a second one ends the process. A page has no signals:
   * `trainer.stop()` stops there.
   *
   * @throws Interrupted after a signal; OptionError.
   */
  async train(name: string, trainer: Trainer, options?: RunTrainOptions): Promise<void> {
    if (!(trainer instanceof Trainer)) throw new OptionError("Run.train: expected a trainer");
    const { log, describe, pictures, progress } = this.#readTrainOptions(name, options);
    let signal: StopSignal | null = null;
    const stop = (name: StopSignal) => {
      signal = name;
      trainer.stop();
    };
    const checkpoint = this.file(`${name}.safetensors`);
    const write = pictures && (() => this.#writePictures(scope(() => pictures(trainer))));
    const writes: Promise<void>[] = []; // those of a page end later
    let failure: { error: unknown } | undefined;
    const later = (write: void | Promise<void>) => {
      if (!write) return;
      const failed = (error: unknown) => {
        failure ??= { error };
        trainer.stop();
      };
      writes.push(write.catch(failed));
    };
    const writeLog = () =>
      this.#files.write(log, [{ kind: "config", ...this.config }, ...trainer.log].map(toLine).join(""));
    const watch: Callback = {
      onEntry: (_, entry) => this.#files.append?.(log, toLine(entry)),
      onEpoch: (_, entry) => {
        console.log(describe(entry, trainer));
        later(write?.());
        if (!this.#files.append) later(writeLog());
        later(saveTrainer(checkpoint, trainer));
      },
    };
    const bar = progress === undefined ? null : await ProgressBar.create(progress);
    const signals = nodeModule("node:fs") ? SIGNALS : [];
    for (const name of signals) process.once(name, stop);
    const remove = [watch, ...(bar ? [bar] : [])].map((callback) => trainer.watch(callback));
    try {
      await resumeTrainer(checkpoint, trainer);
      await writeLog();
      const wasFinished = trainer.finished;
      await trainer.fit();
      if (wasFinished) return;
    } finally {
      bar?.stop();
      for (const name of signals) process.removeListener(name, stop);
      for (const removeOne of remove) removeOne();
      await Promise.all(writes);
    }
    if (failure) throw failure.error;
    if (!this.#files.append) await writeLog();
    await saveTrainer(checkpoint, trainer);
    if (!pictures) {
      const drawn = Object.entries(curves(trainer.log)).map(([curve, picture]) => [`${name}-${curve}`, picture]);
      await this.#writePictures(Object.fromEntries(drawn));
    }
    if (signal && !trainer.finished) throw new Interrupted(signal, this.folder);
  }

  #readTrainOptions(name: string, options: RunTrainOptions | undefined) {
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

  #writePictures(pictures: Record<string, Picture>): void | Promise<void> {
    const writes = Object.entries(pictures).map(([name, picture]) => this.picture(name, picture));
    return this.#files.append ? undefined : Promise.all(writes).then(() => {});
  }
}

function readReplaceConfig(options: { replaceConfig?: boolean } | undefined): boolean {
  const { replaceConfig } = readOptions("Run", options, { replaceConfig: false });
  return checkBoolean("Run", "replaceConfig", replaceConfig);
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const toLine = (value: object) => `${JSON.stringify(value, toJsonText)}\n`;
