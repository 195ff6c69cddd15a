import { appendFileSync, writeFileSync } from "node:fs";
import type { Scores } from "./evaluate.ts";
import type { Settings } from "./options.ts";

/** Every so many steps: the mean loss since the line before. */
export interface StepEntry {
  kind: "step";
  epoch: number;
  step: number;
  loss: number;
  imagesPerSecond: number;
}

/** At the end of an epoch. */
export interface EpochEntry extends Scores {
  kind: "epoch";
  epoch: number;
  step: number;
  /** Mean loss of the epoch's steps. */
  loss: number;
  /** Time spent on the epoch, evaluation included. */
  seconds: number;
}

export type Entry = StepEntry | EpochEntry;

/** log.jsonl: the settings, then one JSON object a line. The checkpoint has its entries too, so that a resumed run's is whole. */
export class Log {
  readonly entries: Entry[];
  readonly #path: string;

  constructor(path: string, settings: Settings, entries: Entry[]) {
    this.#path = path;
    this.entries = entries;
    const lines = [{ kind: "config", ...settings }, ...entries].map((line) => `${JSON.stringify(line)}\n`);
    writeFileSync(path, lines.join(""));
  }

  add(entry: Entry): void {
    this.entries.push(entry);
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
  }

  get epochs(): EpochEntry[] {
    return this.entries.filter((entry) => entry.kind === "epoch");
  }

  get steps(): StepEntry[] {
    return this.entries.filter((entry) => entry.kind === "step");
  }
}
