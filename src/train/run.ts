import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { checkBoolean, checkFunction, describe as describeValue, readOptions } from "../checks.ts";
import { DataError, OptionError, WasmgradError } from "../errors.ts";
import { writeFileAtomically } from "../io/files.ts";
import { readJsonNumber, toJsonNumber } from "../json_number.ts";
import type { Picture } from "../plot/picture.ts";
import { savePNG } from "../plot/png_file.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { resumeTrainer, saveTrainer } from "./checkpoint.ts";
import { curves, type EpochEntry } from "./log.ts";
import { ProgressBar } from "./progress_bar.ts";
import { Trainer } from "./trainer.ts";
import type { Callback } from "./trainer_options.ts";

/** The values of a configuration, which both JSON and a command line can represent. */
export type Config = Record<string, number | string | boolean>;

/** A signal that stops a run after the running step. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** Thrown by `Run.train` when a signal stopped it. The completed steps are saved. */
export class Interrupted extends WasmgradError {
  override name = "Interrupted";
  readonly signal: StopSignal;

  constructor(signal: StopSignal, folder: string) {
    super(`stopped by ${signal}; the same command resumes the run in ${folder}`);
    this.signal = signal;
  }

  /** The exit code that shells report for a process ended by this signal: 128 plus the signal's number. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
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
 * started again therefore ends with the same bits. Node only.
 *
 * @param experiment the experiment's name, which is recorded with the configuration
 * @param options `replaceConfig` (default false): whether `config` replaces the folder's recorded
 * configuration, for example to train for more epochs. By default a different configuration is an error.
 * @throws OptionError when the folder has a run with another configuration; DataError when it cannot be
 * written.
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
  #results: Record<string, unknown> = {};
  /** The outermost folder that was created for the run. */
  readonly #made: string | undefined;

  constructor(folder: string, experiment: string, config: Config, options?: { replaceConfig?: boolean }) {
    this.folder = folder;
    this.config = config;
    const { replaceConfig } = readOptions("Run", options, { replaceConfig: false });
    checkBoolean("Run", "replaceConfig", replaceConfig);
    const recorded = { experiment, config };
    try {
      this.#made = mkdirSync(folder, { recursive: true });
      if (!replaceConfig && existsSync(this.file("config.json"))) {
        const before = JSON.parse(readFileSync(this.file("config.json"), "utf8"));
        if (JSON.stringify(before) !== JSON.stringify(recorded, toJsonText)) {
          throw new OptionError(`${folder} holds a run with another configuration: ${JSON.stringify(before.config)}`);
        }
      }
      this.#write("config.json", recorded);
    } catch (cause) {
      if (cause instanceof OptionError) throw cause;
      throw new DataError(`${folder}: cannot be used for a run: ${(cause as Error).message}`, { cause });
    }
  }

  /**
   * Reads the configuration of the run in a folder.
   *
   * @throws DataError when there is none.
   */
  static readConfig(folder: string): Config {
    try {
      const { config } = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
      if (typeof config !== "object" || config === null) throw new DataError("it has no configuration of a run");
      return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, readJsonNumber(value)])) as Config;
    } catch (cause) {
      throw new DataError(`${join(folder, "config.json")}: cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  /** The path of a file of this run. */
  file(name: string): string {
    return join(this.folder, name);
  }

  #write(name: string, value: unknown): void {
    writeFileAtomically(this.file(name), [new TextEncoder().encode(`${JSON.stringify(value, toJsonText, 2)}\n`)]);
  }

  /**
   * Deletes config.json and the folders created for the run, if they contain nothing else. Used if a run
   * cannot begin.
   */
  discard(): void {
    rmSync(this.file("config.json"), { force: true });
    if (this.#made === undefined) return;
    const outermost = resolve(this.#made);
    for (let folder = resolve(this.folder); readdirSync(folder).length === 0; folder = dirname(folder)) {
      rmdirSync(folder);
      if (folder === outermost) break;
    }
  }

  /** Writes `name`.png. */
  picture(name: string, picture: Picture): void {
    savePNG(this.file(`${name}.png`), picture);
  }

  /** Adds numbers (or anything else that JSON can represent) to results.json. */
  results(values: Record<string, unknown>): void {
    this.#results = { ...this.#results, ...values };
    this.#write("results.json", this.#results);
  }

  /**
   * Trains until all epochs are done. Writes `name`.safetensors (a checkpoint, after each epoch and when
   * stopped), `name`.jsonl (the configuration, then the log's entries, one per line) and pictures. SIGINT or
   * SIGTERM stops training after the running step; a second one ends the process.
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
    const watch: Callback = {
      onEntry: (_, entry) => appendFileSync(log, toLine(entry)),
      onEpoch: (_, entry) => {
        console.log(describe(entry, trainer));
        write?.();
        saveTrainer(checkpoint, trainer);
      },
    };
    const bar = progress === undefined ? null : await ProgressBar.create(progress);
    for (const name of SIGNALS) process.once(name, stop);
    const remove = [watch, ...(bar ? [bar] : [])].map((callback) => trainer.watch(callback));
    try {
      resumeTrainer(checkpoint, trainer);
      writeFileSync(log, [{ kind: "config", ...this.config }, ...trainer.log].map(toLine).join(""));
      const wasFinished = trainer.finished;
      await trainer.fit();
      if (wasFinished) return;
    } finally {
      bar?.stop();
      for (const name of SIGNALS) process.removeListener(name, stop);
      for (const removeOne of remove) removeOne();
    }
    saveTrainer(checkpoint, trainer);
    if (!pictures) {
      const drawn = Object.entries(curves(trainer.log)).map(([curve, picture]) => [`${name}-${curve}`, picture]);
      this.#writePictures(Object.fromEntries(drawn));
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
    return { log: this.file(log ?? `${name}.jsonl`), describe: describe ?? showAll, pictures, progress };
  }

  #writePictures(pictures: Record<string, Picture>): void {
    for (const [name, picture] of Object.entries(pictures)) this.picture(name, picture);
  }
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** JSON.stringify would write null for NaN and infinities. */
const toJsonText = (_: string, value: unknown) => toJsonNumber(value);

const toLine = (value: object) => `${JSON.stringify(value, toJsonText)}\n`;
