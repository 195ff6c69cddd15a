import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataError, OptionError, WasmgradError } from "../errors.ts";
import { writeFileAtomically } from "../io/files.ts";
import { toJsonNumber } from "../json_number.ts";
import type { Picture } from "../plot/picture.ts";
import { savePNG } from "../plot/png_file.ts";
import { resumeTrainer, saveTrainer } from "./checkpoint.ts";
import { curves } from "./log.ts";
import { Trainer } from "./trainer.ts";
import type { Callback } from "./trainer_options.ts";

/** Values of a configuration: what JSON and a command line can hold. */
export type Config = Record<string, number | string | boolean>;

/** A signal that stops a run in an orderly way. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** Thrown by `Run.train` when a signal stopped it; what was done is saved. */
export class Interrupted extends WasmgradError {
  override name = "Interrupted";
  readonly signal: StopSignal;

  constructor(signal: StopSignal, where: string) {
    super(`stopped by ${signal}; the same command goes on from ${where}`);
    this.signal = signal;
  }
}

/**
 * The folder of an experiment: its configuration, and beside it logs, curves, pictures, weights and results. `train` goes on where an
 * earlier process stopped, and only loads what is finished, so a program that is run again ends up with the same bits. Node only.
 *
 * @throws OptionError where the folder holds a run with another configuration; DataError where it cannot be written.
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Run } from "wasmgrad/train";
 * const run = new Run(mkdtempSync(join(tmpdir(), "wasmgrad-example-run-")), "example", { epochs: 3, seed: 0 });
 * run.results({ accuracy: 0.5 }); // results.json, beside config.json
 * console.log(run.file("config.json").endsWith("config.json")); // true
 * ```
 */
export class Run {
  readonly folder: string;
  readonly config: Config;
  #results: Record<string, unknown> = {};

  constructor(folder: string, experiment: string, config: Config) {
    this.folder = folder;
    this.config = config;
    const recorded = { experiment, config };
    try {
      mkdirSync(folder, { recursive: true });
      if (existsSync(this.file("config.json"))) {
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

  /** The path of a file of this run. */
  file(name: string): string {
    return join(this.folder, name);
  }

  #write(name: string, value: unknown): void {
    writeFileAtomically(this.file(name), [new TextEncoder().encode(`${JSON.stringify(value, toJsonText, 2)}\n`)]);
  }

  /** Writes `name`.png. */
  picture(name: string, picture: Picture): void {
    savePNG(this.file(`${name}.png`), picture);
  }

  /** Adds numbers (or anything JSON can hold) to results.json. */
  results(values: Record<string, unknown>): void {
    this.#results = { ...this.#results, ...values };
    this.#write("results.json", this.#results);
  }

  /**
   * Trains to the end. Leaves `name`.safetensors (a checkpoint after each epoch and when stopped), `name`.jsonl (the log) and a picture of
   * each curve. SIGINT and SIGTERM stop it after the running step.
   *
   * @throws Interrupted after a signal.
   */
  async train(name: string, trainer: Trainer): Promise<void> {
    if (!(trainer instanceof Trainer)) throw new OptionError("Run.train: expected a trainer");
    const checkpoint = this.file(`${name}.safetensors`);
    const log = this.file(`${name}.jsonl`);
    resumeTrainer(checkpoint, trainer);
    writeFileSync(log, trainer.log.map((entry) => `${JSON.stringify(entry, toJsonText)}\n`).join(""));
    if (trainer.finished) return;
    const keeper: Callback = {
      onEntry: (_, entry) => appendFileSync(log, `${JSON.stringify(entry, toJsonText)}\n`),
      onEpoch: (_, { kind: __, step: ___, ...numbers }) => {
        saveTrainer(checkpoint, trainer);
        const shown = Object.entries(numbers).map(([key, value]) => `${key} ${Number(Number(value).toPrecision(4))}`);
        console.log(`${name}: ${shown.join(", ")}`);
      },
    };
    let signal: StopSignal | null = null;
    const stop = (name: StopSignal) => {
      signal = name;
      trainer.stop();
    };
    for (const name of SIGNALS) process.once(name, stop);
    const remove = trainer.watch(keeper);
    try {
      await trainer.fit();
    } finally {
      for (const name of SIGNALS) process.removeListener(name, stop);
      remove();
    }
    saveTrainer(checkpoint, trainer);
    for (const [curve, picture] of Object.entries(curves(trainer.log))) this.picture(`${name}-${curve}`, picture);
    if (signal && !trainer.finished) throw new Interrupted(signal, this.folder);
  }
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** JSON.stringify would write null for NaN and infinities. */
const toJsonText = (_: string, value: unknown) => toJsonNumber(value);
