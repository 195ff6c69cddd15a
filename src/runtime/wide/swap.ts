import type { Precision } from "../binary.ts";
import { frameCount } from "../frame.ts";
import type { BackgroundCompile } from "./background.ts";

/**
 * When the wide build takes over. A program starts with the narrow build. Once kernels have run for a while,
 * the wide one is compiled in the background, and takes over between two operations.
 */

/**
 * Launches from one look at the clock to the next. The number is a prime, so that looks do not always fall on
 * the same kernels of a training step.
 */
export const LOOK_EVERY = 13;
/**
 * Time in kernels after which the wide build is compiled. Compiling takes a core for a few tenths of a
 * second, and a process that ends meanwhile waits for it, so it must not happen in short programs.
 */
const START_AFTER_MS = 1000;
/** The most that a sample counts, because the program may wait for something between two launches. */
const LONGEST_SAMPLE_MS = 20;

/** Estimates the time that a program has spent in kernels: each LOOK_EVERY-th launch is timed. */
class KernelClock {
  #from: number | undefined;
  #ms = 0;

  /** Called at a launch. Returns the number of launches until the next call. */
  look(): number {
    const now = performance.now();
    if (this.#from === undefined) {
      this.#from = now;
      return 1;
    }
    this.#ms += Math.min(now - this.#from, LONGEST_SAMPLE_MS) * LOOK_EVERY;
    this.#from = undefined;
    return LOOK_EVERY - 1;
  }

  hasReached(ms: number): boolean {
    return this.#ms >= ms;
  }
}

/** Starts to compile a build in the background. Undefined where that is impossible. */
export type StartCompile = (of: Precision) => BackgroundCompile | undefined;

export class Swap {
  readonly #start: StartCompile;
  readonly #clock = new KernelClock();
  readonly #compiles: { [Of in Precision]?: BackgroundCompile } = {};
  /** The value of frameCount when a module was first seen to be ready. */
  #seenReady = -1;

  constructor(start: StartCompile) {
    this.#start = start;
  }

  /**
   * Called at a launch. Returns the number of launches until the next call, 0 if there is none to come, or
   * the module that takes over now.
   */
  look(of: Precision): number | WebAssembly.Module {
    const compile = this.#compiles[of];
    if (!compile) {
      const next = this.#clock.look();
      return !this.#clock.hasReached(START_AFTER_MS) || this.begin(of) ? next : 0;
    }
    if (compile.isRunning()) return LOOK_EVERY;
    const result = compile.result();
    if (typeof result === "string") return 0;
    if (this.#seenReady < 0) this.#seenReady = frameCount;
    // a new frame: this is the first launch of an operation
    return this.#seenReady === frameCount ? 1 : result;
  }

  /** Starts to compile. Returns whether that was possible. */
  begin(of: Precision): boolean {
    this.#seenReady = -1;
    try {
      this.#compiles[of] ??= this.#start(of);
    } catch {
      // without a worker, the narrow build stays
    }
    return this.#compiles[of] !== undefined;
  }

  /** The module that was compiled in the background, if it was begun. Waits up to `ms` for it. */
  await(of: Precision, ms: number): WebAssembly.Module | undefined {
    const compile = this.#compiles[of];
    if (!compile) return undefined;
    compile.wait(ms);
    const result = compile.isRunning() ? undefined : compile.result();
    return typeof result === "string" ? undefined : result;
  }
}
