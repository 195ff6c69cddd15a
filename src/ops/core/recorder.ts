import { OptionError } from "../../errors.ts";
import { type KernelObserver, observeKernels } from "../../runtime/observer.ts";
import { settle } from "../../runtime/parallel/pending.ts";
import { runningThreads } from "../../runtime/parallel/pool.ts";
import type { DType, NDArray, TypedArray } from "./array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, type Op } from "./op.ts";

/** An input or output array of an operation. */
export interface TracedArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A launch of a kernel, which ran once per chunk of its range. */
export interface TracedKernel {
  readonly name: string;
  /** Number of parts that the range was divided into; each part is one call of the kernel. */
  readonly chunks: number;
  /**
   * Upper bound on the threads that took chunks: the number of threads or of chunks, whichever is smaller.
   */
  readonly threads: number;
  readonly ms: number;
}

/** One operation that ran, or kernels that ran one after the other outside of operations. */
export interface TraceEntry {
  /**
   * The operation's name. Outside of operations: the name of the section that ran the kernels ("Adam.step"),
   * or "(no operation)".
   */
  readonly operation: string;
  /** The operation's options, as plain data; none outside of operations. */
  readonly attributes: Attributes;
  /** The pass that ran, or null outside of operations. */
  readonly pass: "forward" | "backward" | null;
  /** Arrays and numbers, with null for an omitted input. For a backward pass, the output's gradient. */
  readonly inputs: readonly (TracedArray | number | null)[];
  /**
   * The results. For a backward pass, a gradient for each input, or null if none was needed. Empty if the
   * operation threw.
   */
  readonly outputs: readonly (TracedArray | null)[];
  /**
   * The algorithms used, such as "winograd" or "packed", if the operation has several. Each name appears
   * once.
   */
  readonly algorithms: readonly string[];
  /** The kernels, in the order in which they ran. */
  readonly kernels: readonly TracedKernel[];
  /** Duration in milliseconds of the operation or, outside of operations, of the kernels. */
  readonly ms: number;
}

type Open = { -readonly [Key in keyof TraceEntry]: TraceEntry[Key] } & {
  algorithms: string[];
  kernels: TracedKernel[];
};

type Input = NDArray | number | null;

/** Sees the arrays of all operations while it listens: for functions that are traced as graphs. */
export interface OperationListener {
  /** Called before an operation's forward pass. @throws if it cannot be traced */
  starting(op: Op, inputs: readonly Input[]): void;
  /** Called after an operation's forward pass. */
  applied(op: Op, inputs: readonly Input[], outputs: readonly NDArray[]): void;
  /** Called after the elements of `source` were written to `target`. */
  overwritten(target: NDArray, source: NDArray): void;
  /** Called before JavaScript reads elements. @throws if the values are not known while tracing */
  read(array: NDArray): void;
  /** Whether the elements follow from values that are not known while tracing. */
  isUnknown(array: NDArray): boolean;
}

const NO_OPERATION = "(no operation)";

/** Undefined while no trace is running: tracing then costs each operation only one test of this variable. */
export let recorder: Recorder | undefined;

let users = 0;

/** Records operations and kernels as plain data; it keeps no references to tensors. */
class Recorder implements KernelObserver {
  readonly entries: Open[] = [];
  listener: OperationListener | undefined;
  /** The running operation. */
  #operation: Open | undefined;
  /** The last entry, if it holds kernels outside of operations. */
  #loose: Open | undefined;
  #section = NO_OPERATION;

  forward(op: Op, inputs: readonly Input[]): NDArray | NDArray[] {
    this.listener?.starting(op, inputs);
    const result = this.#run(op, "forward", inputs, () => op.forward(...inputs));
    this.listener?.applied(op, inputs, Array.isArray(result) ? result : [result]);
    return result;
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

  /** The number of entries. The next kernel outside of operations starts a new entry. */
  mark(): number {
    this.#loose = undefined;
    return this.entries.length;
  }
}

export type { Recorder };

/** The dtype and a copy of the shape of an array, without the array. */
function sketch(x: NDArray | null): TracedArray | null {
  return x && { shape: [...x.shape], dtype: x.dtype };
}

/** The recorder, which is made for its first user. */
function start(): Recorder {
  users++;
  recorder ??= new Recorder();
  observeKernels(recorder);
  return recorder;
}

/** Ends one user's recording, and with the last one all recording. */
function stop(): void {
  if (--users > 0) return;
  recorder = undefined;
  observeKernels(undefined);
}

/** Starts recording. The returned function stops it and returns the entries. Recordings may overlap. */
export function record(): () => TraceEntry[] {
  settle(); // the time of pending kernels does not belong to this recording
  const own = start();
  const first = own.mark();
  return () => {
    const entries = own.entries.slice(first, own.mark());
    stop();
    return entries;
  };
}

/** Runs `body` while the listener sees all operations. Only one can listen at a time. */
export function listen<T>(op: string, listener: OperationListener, body: () => T): T {
  if (recorder?.listener) throw new OptionError(`${op}: expected to run outside of another trace, got one inside it`);
  const own = start();
  own.listener = listener;
  try {
    return body();
  } finally {
    own.listener = undefined;
    stop();
  }
}

/** The elements, for code outside of operations that reads them. */
export function readElements(array: NDArray): TypedArray {
  recorder?.listener?.read(array);
  return array.view();
}

/**
 * Whether the elements follow from the inputs of a function that is being traced, so that they are not known.
 */
export function isUnknown(array: NDArray): boolean {
  return recorder?.listener?.isUnknown(array) ?? false;
}

/** Records the algorithm of the running operation. */
export function noteAlgorithm(name: string): void {
  recorder?.algorithm(name);
}

/** Runs `body`; its kernels that belong to no operation are recorded under this name. */
export function section<T>(name: string, body: () => T): T {
  return recorder ? recorder.section(name, body) : body();
}
