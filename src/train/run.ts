import type { ProcessGroup } from "../distributed/process_group.ts";
import { StopSignals } from "../distributed/stop_signals.ts";
import { DataError, DistributedError, OptionError } from "../errors.ts";
import { isStoredPath, type StoredPath } from "../io/origin_files.ts";
import type { Picture } from "../plot/picture.ts";
import { savePNG } from "../plot/png_file.ts";
import { nodeModule } from "../runtime/node_module.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { resumeTrainer, saveTrainer } from "./checkpoint.ts";
import { Interrupted } from "./interrupted.ts";
import { curves } from "./log.ts";
import { ProgressBar } from "./progress_bar.ts";
import { type Config, checkConfig, parseConfig, toJsonText } from "./run_config.ts";
import { openRunFolder, type RunFolder, readOnlyRunFolder, storedRunFolder } from "./run_folder.ts";
import { type RunOptions, type RunTrainOptions, readRunOptions, readTrainOptions } from "./run_options.ts";
import { Trainer } from "./trainer.ts";
import type { Callback } from "./trainer_options.ts";

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
  readonly #group: ProcessGroup | undefined;
  #results: Record<string, unknown> = {};

  constructor(folder: string, experiment: string, config: Config, options?: RunOptions);
  /** @internal For `Run.open`, which has opened the folder. */
  constructor(folder: string, experiment: string, config: Config, options: undefined, opened: RunFolder);
  constructor(folder: string, experiment: string, config: Config, options?: RunOptions, opened?: RunFolder) {
    this.folder = folder;
    this.config = config;
    if (opened) {
      this.#files = opened;
      return;
    }
    const { replaceConfig, group } = readRunOptions(options);
    this.#group = group;
    if (isStoredPath(folder) || !nodeModule("node:fs")) {
      const path = isStoredPath(folder) ? folder : `opfs:${String(folder).replace(/^[./]+/, "")}`;
      throw new OptionError(`Run: a page has no files; write await Run.open(${JSON.stringify(path)}, ...)`);
    }
    const recorded = { experiment, config };
    if (group && group.rank !== 0) {
      group.barrier(); // rank 0 has made the folder
      this.#files = readOnlyRunFolder(folder);
      return;
    }
    try {
      const files = openRunFolder(folder);
      this.#files = files;
      if (!replaceConfig) checkConfig(folder, files.read("config.json"), recorded);
      this.#write("config.json", recorded);
    } catch (cause) {
      if (cause instanceof OptionError) throw cause;
      throw new DataError(`${folder}: cannot be used for a run: ${(cause as Error).message}`, { cause });
    }
    group?.barrier();
  }

  /** Whether this process writes the files. */
  get #isWriter(): boolean {
    return this.#group === undefined || this.#group.rank === 0;
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
    options?: RunOptions,
  ): Promise<Run> {
    if (!isStoredPath(folder)) return new Run(folder, experiment, config, options);
    const recorded = { experiment, config };
    const files = storedRunFolder(folder);
    if (!readRunOptions(options).replaceConfig) checkConfig(folder, await files.readLater("config.json"), recorded);
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
    return this.#isWriter ? savePNG(this.file(`${name}.png`), picture) : undefined;
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
    this.#checkGroup(trainer);
    const { log, describe, pictures, progress } = readTrainOptions(name, options);
    const checkpoint = this.file(`${name}.safetensors`);
    const save = () => (this.#isWriter ? saveTrainer(checkpoint, trainer) : undefined);
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
        if (this.#isWriter) console.log(describe(entry, trainer));
        later(write?.()); // all ranks draw: what a function draws may take random numbers
        if (!this.#files.append) later(writeLog());
        later(save());
      },
    };
    const bar = progress === undefined || !this.#isWriter ? null : await ProgressBar.create(progress);
    const signals = new StopSignals(() => trainer.stop());
    const unwatch = this.#group ? undefined : signals.watch(); // the ranks of a group agree on when to stop
    const remove = [watch, ...(bar ? [bar] : [])].map((callback) => trainer.watch(callback));
    try {
      await resumeTrainer(checkpoint, trainer);
      this.#checkPlace(trainer);
      await writeLog();
      const wasFinished = trainer.finished;
      await trainer.fit();
      if (wasFinished) return;
    } finally {
      bar?.stop();
      unwatch?.();
      for (const removeOne of remove) removeOne();
      await Promise.all(writes);
    }
    if (failure) throw failure.error;
    if (!this.#files.append) await writeLog();
    await save();
    if (!pictures) {
      const drawn = Object.entries(curves(trainer.log)).map(([curve, picture]) => [`${name}-${curve}`, picture]);
      await this.#writePictures(Object.fromEntries(drawn));
    }
    const stoppedBy = signals.received ?? this.#group?.stopSignal;
    if (stoppedBy && !trainer.finished) throw new Interrupted(stoppedBy, this.folder);
  }

  #checkGroup(trainer: Trainer): void {
    const { group } = trainer.options;
    if (group === this.#group || (!this.#group && group?.worldSize === 1)) return;
    throw new OptionError("Run.train: the run and the trainer expected the same group: give it to both");
  }

  /** All ranks continue from the same checkpoint. */
  #checkPlace(trainer: Trainer): void {
    const places = this.#group?.allGatherObject({ step: trainer.place.step, host: this.#group.host }) ?? [];
    const rank = places.findIndex(({ step }) => step !== places[0].step);
    if (rank < 0) return;
    const shown = [0, rank].map(
      (each) => `rank ${each} (${places[each].host}) continues after step ${places[each].step}`,
    );
    throw new DistributedError(`${this.folder}: expected a folder that all machines share, but ${shown.join(", ")}`);
  }

  #writePictures(pictures: Record<string, Picture>): void | Promise<void> {
    const writes = Object.entries(pictures).map(([name, picture]) => this.picture(name, picture));
    return this.#files.append ? undefined : Promise.all(writes).then(() => {});
  }
}

const toLine = (value: object) => `${JSON.stringify(value, toJsonText)}\n`;
