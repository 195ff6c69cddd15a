import { WasmgradError } from "../errors.ts";
import { errorOf, type ToPage, type ToWorker } from "./messages.ts";
import type { Port } from "./ports.ts";

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * A run of a worker's task, as `TaskWorker.run` returns it. `for await (const progress of run)` gets what
 * the task sends, in order, and ends with the run; a run that fails throws its error there and in `result`.
 * Leaving such a loop does not end the run.
 */
export class TaskRun<P, R> implements AsyncIterable<P> {
  /** What the task returns; rejected with the worker's error, which has the same class. */
  readonly result: Promise<R>;
  readonly #id: number;
  readonly #port: Port<ToWorker>;
  readonly #keepsAll: boolean;
  readonly #onEnd: () => void;
  #settle!: Waiting<R>;
  #hasEnded = false;
  #error: Error | null = null;
  /** Progress that no loop has taken. */
  #unread: P[] = [];
  #latest: P | undefined;
  #isPaused = false;
  /** Wakes the loops that wait for progress. */
  #wake: (() => void)[] = [];
  #saves = new Map<number, Waiting<Uint8Array>>();
  #lastRequest = 0;

  /** @internal Made by `TaskWorker.run`. */
  constructor(id: number, port: Port<ToWorker>, keepsAll: boolean, onEnd: () => void) {
    this.#id = id;
    this.#port = port;
    this.#keepsAll = keepsAll;
    this.#onEnd = onEnd;
    this.result = new Promise<R>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** The last progress that has arrived. */
  get latest(): P | undefined {
    return this.#latest;
  }

  /** Whether `pause()` was called, and `resume()` not since. */
  get paused(): boolean {
    return this.#isPaused;
  }

  /** Ends the run early: the task stops after the running step, and returns its result as usual. */
  stop(): void {
    this.#isPaused = false;
    this.#tell("stop");
  }

  /** Lets the task wait after the running step, until `resume()`. */
  pause(): void {
    this.#isPaused = !this.#hasEnded;
    this.#tell("pause");
  }

  resume(): void {
    this.#isPaused = false;
    this.#tell("resume");
  }

  #tell(type: "stop" | "pause" | "resume"): void {
    if (!this.#hasEnded) this.#port.post({ type, id: this.#id });
  }

  /**
   * The complete state of the training after the running step, as the bytes of the file that `saveTrainer`
   * writes. `TaskWorker.run` continues from it, with the same bits.
   *
   * @throws WasmgradError when the run has ended, or its task does not use `Task.fit`.
   */
  save(): Promise<Uint8Array> {
    if (this.#hasEnded) return Promise.reject(new WasmgradError("TaskRun.save: the run has ended"));
    const request = ++this.#lastRequest;
    return new Promise((resolve, reject) => {
      this.#saves.set(request, { resolve, reject });
      this.#port.post({ type: "save", id: this.#id, request });
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<P, void, undefined> {
    this.result.catch(() => {}); // this loop throws the error
    while (true) {
      while (this.#unread.length > 0) yield this.#unread.shift() as P;
      if (this.#hasEnded) break;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    if (this.#error) throw this.#error;
  }

  /** @internal Takes a message of the worker. */
  take(message: ToPage & { id: number }): void {
    if (this.#hasEnded) return;
    if (message.type === "progress") {
      this.#latest = message.value as P;
      if (!this.#keepsAll) this.#unread.length = 0;
      this.#unread.push(this.#latest);
      this.#wakeLoops();
    } else if (message.type === "result") {
      this.#end(() => this.#settle.resolve(message.value as R));
    } else if (message.type === "error") this.fail(errorOf(message.error));
    else if (message.type === "saved" || message.type === "notSaved") {
      const save = this.#saves.get(message.request);
      this.#saves.delete(message.request);
      if (message.type === "saved") save?.resolve(message.bytes);
      else save?.reject(errorOf(message.error));
    }
  }

  /** @internal Ends the run with an error. */
  fail(error: Error): void {
    if (this.#hasEnded) return;
    this.#error = error;
    this.#end(() => this.#settle.reject(error));
  }

  #end(settle: () => void): void {
    this.#hasEnded = true;
    this.#isPaused = false;
    for (const { reject } of this.#saves.values())
      reject(this.#error ?? new WasmgradError("TaskRun.save: the run has ended"));
    this.#saves.clear();
    settle();
    this.#onEnd();
    this.#wakeLoops();
  }

  #wakeLoops(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
