import type * as cliProgress from "cli-progress";
import { nodeModule, nodePackage } from "../runtime/node_module.ts";
import { formatSeconds } from "./log.ts";
import type { Trainer } from "./trainer.ts";
import type { Callback } from "./trainer_options.ts";

/** Time between two lines of output if there is no terminal for a bar. */
const LINE_MS = 5000;

/** Shows the progress of each epoch: a bar on a terminal, else a line every five seconds. */
export class ProgressBar implements Callback {
  readonly #unit: string;
  readonly #makeBar: ((format: string) => cliProgress.SingleBar) | null;
  #bar: cliProgress.SingleBar | null = null;
  /** The time when this process began the epoch, and the number of its steps that were already done. */
  #began = { time: 0, steps: 0 };
  #lastLine = 0;

  /** @param unit the unit of the rate: "images" gives images per second */
  static async create(unit: string): Promise<ProgressBar> {
    const progress = nodeModule("node:fs") && process.stdout.isTTY ? nodePackage("cli-progress") : undefined;
    if (!progress) return new ProgressBar(unit, null);
    const { SingleBar } = progress as typeof cliProgress;
    return new ProgressBar(unit, (format) => {
      const look = { barsize: 24, hideCursor: true, linewrap: false, gracefulExit: false, clearOnComplete: true };
      return new SingleBar({ format, stream: process.stdout, ...look });
    });
  }

  private constructor(unit: string, makeBar: ((format: string) => cliProgress.SingleBar) | null) {
    this.#unit = unit;
    this.#makeBar = makeBar;
  }

  onBegin(trainer: Trainer): void {
    this.#begin(stepsDone(trainer));
  }

  onEpoch(): void {
    this.stop();
    this.#begin(0);
  }

  #begin(steps: number): void {
    this.#began = { time: performance.now(), steps };
    this.#lastLine = this.#began.time;
  }

  onStep(trainer: Trainer): void {
    const { loader, epochs } = trainer.options;
    const [done, total] = [stepsDone(trainer), loader.length];
    const { time, steps } = this.#began;
    const label = `epoch ${trainer.place.epoch + 1}/${epochs}`;
    const seconds = (performance.now() - time) / 1000;
    const samples = Math.min(done * loader.batchSize, loader.dataset.length) - steps * loader.batchSize;
    const shown = () => ({
      loss: trainer.epochMeans.loss?.toFixed(5) ?? "-",
      rate: `${(samples / seconds).toFixed(0)} ${this.#unit}/s`,
      left: formatSeconds(((total - done) * seconds) / (done - steps)),
    });
    if (this.#makeBar) {
      if (!this.#bar) {
        this.#bar = this.#makeBar(`${label} [{bar}] {value}/{total} | loss {loss} | {rate} | {left} left`);
        this.#bar.start(total, done, shown());
      } else this.#bar.update(done, shown());
      if (done === total) this.stop();
    } else if (performance.now() - this.#lastLine >= LINE_MS) {
      this.#lastLine = performance.now();
      const { loss, rate, left } = shown();
      console.log(`${label} ${done}/${total} | loss ${loss} | ${rate} | ${left} left`);
    }
  }

  /** Removes the bar, if there is one. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

/** Number of completed steps of the running epoch. */
function stepsDone({ place, options }: Trainer): number {
  return place.step - place.epoch * options.loader.length;
}
