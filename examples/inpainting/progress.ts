import { SingleBar } from "cli-progress";

/** Between two lines where there is no terminal to draw a bar on. */
const LINE_MS = 5000;

/** Shows how an epoch goes on: a bar on a terminal, a line every few seconds elsewhere. */
export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #first: number;
  readonly #started = performance.now();
  readonly #bar: SingleBar | null;
  #lastLine = this.#started;

  /** @param first steps that were done before, in another process */
  constructor(label: string, total: number, first: number) {
    this.#label = label;
    this.#total = total;
    this.#first = first;
    this.#bar = process.stdout.isTTY
      ? new SingleBar({
          format: `${label} [{bar}] {value}/{total} | loss {loss} | {speed} images/s | {left} left`,
          stream: process.stdout,
          barsize: 24,
          hideCursor: true,
          linewrap: false,
          gracefulExit: false,
          clearOnComplete: true,
        })
      : null;
    this.#bar?.start(total, first, { loss: "-", speed: "-", left: "-" });
  }

  update(done: number, loss: number, images: number): void {
    const seconds = (performance.now() - this.#started) / 1000;
    const left = formatSeconds(((this.#total - done) * seconds) / (done - this.#first));
    const speed = (images / seconds).toFixed(0);
    if (this.#bar) {
      this.#bar.update(done, { loss: loss.toFixed(5), speed, left });
    } else if (performance.now() - this.#lastLine >= LINE_MS) {
      this.#lastLine = performance.now();
      console.log(`${this.#label} ${done}/${this.#total} | loss ${loss.toFixed(5)} | ${speed} images/s | ${left} left`);
    }
  }

  stop(): void {
    this.#bar?.stop();
  }
}

/** 75 is "1:15", 12 is "12 s". */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [minutes, rest] = [Math.floor(whole / 60), String(whole % 60).padStart(2, "0")];
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}
