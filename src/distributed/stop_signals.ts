import { nodeModule } from "../runtime/node_module.ts";

/** A signal that asks a program to end. */
export type StopSignal = "SIGINT" | "SIGTERM";

const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM"];

/** The signals that this process got, and what all ranks have agreed on. */
export class StopSignals {
  /** The number of a signal that this process got: 0 for none, else one more than its place in `SIGNALS`. */
  #own = 0;
  #agreed = 0;
  #watchers = 0;
  readonly #onSignal: () => void;
  readonly #note = (signal: NodeJS.Signals) => {
    this.#own = 1 + SIGNALS.indexOf(signal as StopSignal);
    this.#onSignal();
  };

  /** @param onSignal called when this process gets a signal */
  constructor(onSignal = () => {}) {
    this.#onSignal = onSignal;
  }

  /**
   * Notes the next signal, which then does not end the process. A second one does. Returns the function that
   * ends this.
   */
  watch(): () => void {
    if (!nodeModule("node:os")) return () => {};
    if (this.#watchers++ === 0) for (const signal of SIGNALS) process.once(signal, this.#note);
    return () => {
      if (--this.#watchers === 0) for (const signal of SIGNALS) process.removeListener(signal, this.#note);
    };
  }

  /** For `Transport.meet`, whose maximum goes to `agree`. */
  get own(): number {
    return this.#own;
  }

  /** The signal that this process got; null if there was none. */
  get received(): StopSignal | null {
    return signalOf(this.#own);
  }

  agree(maximum: number): void {
    this.#agreed = Math.max(this.#agreed, maximum);
  }

  /** The signal that a rank got and all know of; null if there is none. */
  get agreed(): StopSignal | null {
    return signalOf(this.#agreed);
  }
}

function signalOf(number: number): StopSignal | null {
  return number === 0 ? null : SIGNALS[number - 1];
}
