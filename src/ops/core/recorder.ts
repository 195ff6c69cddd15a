import { type KernelObserver, observeKernels } from "../../runtime/observer.ts";
import { settle } from "../../runtime/parallel/pending.ts";
import { runningThreads } from "../../runtime/parallel/pool.ts";
import type { DType, NDArray } from "./array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, type Op } from "./op.ts";

/** An array that went into an operation, or came out of it. */
export interface TracedArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A kernel that ran: once for each chunk of its range. */
export interface TracedKernel {
  readonly name: string;
  /** Parts that the range was cut into; each is one call of the kernel. */
  readonly chunks: number;
  /** Threads that took chunks, at most: those that ran, or as many as there are chunks. */
  readonly threads: number;
  readonly ms: number;
}

/** One operation that ran, or kernels that ran one after the other outside of operations. */
export interface TraceEntry {
  /** The operation's name; outside of operations what ran the kernels ("Adam.step"), or "(no operation)". */
  readonly operation: string;
  /** The operation's options, as plain data; none outside of operations. */
  readonly attributes: Attributes;
  /** Null outside of operations. */
  readonly pass: "forward" | "backward" | null;
  /** Arrays and numbers; null for an input that was left out. Of a backward pass: the output's gradient. */
  readonly inputs: readonly (TracedArray | number | null)[];
  /**
   * The results. Of a backward pass: a gradient for each input, null where none was needed. Empty if the
   * operation threw.
   */
  readonly outputs: readonly (TracedArray | null)[];
  /** How it was computed, where the operation has a choice: "winograd", "packed". Each name once. */
  readonly algorithms: readonly string[];
  /** In the order in which they ran. */
  readonly kernels: readonly TracedKernel[];
  /** Milliseconds of the operation; outside of operations, of the kernels. */
  readonly ms: number;
}

type Open = { -readonly [Key in keyof TraceEntry]: TraceEntry[Key] } & {
  algorithms: string[];
  kernels: TracedKernel[];
};

type Input = NDArray | number | null;

const NO_OPERATION = "(no operation)";

/** Undefined while no trace is on: then an operation costs one test of this variable more. */
export let recorder: Recorder | undefined;

let traces = 0;

/** Notes what runs, as plain data: it keeps no memory of a tensor. */
class Recorder implements KernelObserver {
  readonly entries: Open[] = [];
  /** The operation that runs. */
  #operation: Open | undefined;
  /** The last entry, where it is one of kernels outside of operations. */
  #loose: Open | undefined;
  #section = NO_OPERATION;

  forward(op: Op, inputs: readonly Input[]): NDArray | NDArray[] {
    return this.#run(op, "forward", inputs, () => op.forward(...inputs));
  }

  backward(op: Op, gradOutput: NDArray): Gradients {
    return this.#run(op, "backward", [gradOutput], () => op.backward(gradOutput));
  }

  #run<Result extends NDArray | Gradients>(
    op: Op,
    pass: "forward" | "backward",
    inputs: readonly Input[],
    body: () => Result,
  ): Result {
    const entry = this.#add(
      op.name,
      op.attributes,
      pass,
      inputs.map((x) => (typeof x === "number" ? x : sketch(x))),
    );
    const outer = this.#operation;
    this.#operation = entry;
    this.#loose = undefined;
    const start = performance.now();
    try {
      const result = body();
      entry.ms = performance.now() - start;
      const results: readonly (NDArray | null)[] = Array.isArray(result) ? result : [result];
      entry.outputs = results.map(sketch);
      return result;
    } finally {
      this.#operation = outer;
    }
  }

  #add(operation: string, attributes: Attributes, pass: Open["pass"], inputs: Open["inputs"]): Open {
    const entry: Open = { operation, attributes, pass, inputs, outputs: [], algorithms: [], kernels: [], ms: 0 };
    this.entries.push(entry);
    return entry;
  }

  kernel<T>(name: string, chunks: number, run: () => T): T {
    const start = performance.now();
    const result = run();
    const ms = performance.now() - start;
    const entry = this.#operation ?? (this.#loose ??= this.#add(this.#section, NO_ATTRIBUTES, null, []));
    entry.kernels.push({ name, chunks, threads: Math.min(chunks, runningThreads()), ms });
    if (entry === this.#loose) entry.ms += ms;
    return result;
  }

  algorithm(name: string): void {
    const algorithms = this.#operation?.algorithms;
    if (algorithms?.includes(name) === false) algorithms.push(name);
  }

  section<T>(name: string, body: () => T): T {
    const outer = this.#section;
    this.#section = name;
    this.#loose = undefined;
    try {
      return body();
    } finally {
      this.#section = outer;
      this.#loose = undefined;
    }
  }

  /** The number of entries; the next kernel outside of operations begins another one. */
  mark(): number {
    this.#loose = undefined;
    return this.entries.length;
  }
}

export type { Recorder };

/** What there is to say of an array: a copy of its shape, not the array. */
function sketch(x: NDArray | null): TracedArray | null {
  return x && { shape: [...x.shape], dtype: x.dtype };
}

/** Begins to record. The returned function ends that and gives the entries. Recordings may overlap. */
export function record(): () => TraceEntry[] {
  settle(); // whose time is not ours
  traces++;
  recorder ??= new Recorder();
  observeKernels(recorder);
  const own = recorder;
  const first = own.mark();
  return () => {
    const entries = own.entries.slice(first, own.mark());
    if (--traces === 0) {
      recorder = undefined;
      observeKernels(undefined);
    }
    return entries;
  };
}

/** Says how the running operation is computed. */
export function noteAlgorithm(name: string): void {
  recorder?.algorithm(name);
}

/** Runs `body`; kernels in it that belong to no operation go by this name. */
export function section<T>(name: string, body: () => T): T {
  return recorder ? recorder.section(name, body) : body();
}
