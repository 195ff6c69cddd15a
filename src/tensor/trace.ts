import { checkBoolean, checkFunction, isPromise, readOptions } from "../checks.ts";
import { formatShape } from "../errors.ts";
import { record, type TracedArray, type TraceEntry } from "../ops/core/recorder.ts";

export type { TracedArray, TracedKernel, TraceEntry } from "../ops/core/recorder.ts";

/** All launches of one kernel. */
export interface KernelTotal {
  readonly name: string;
  readonly launches: number;
  readonly ms: number;
}

/**
 * The result of `traceOperations`: the operations and kernels that ran, in order. It keeps no tensors except
 * in `result`.
 */
export class Trace<T = unknown> {
  /** The operations, and the kernels that ran between them. */
  readonly entries: readonly TraceEntry[];
  /** Milliseconds from start to end, including JavaScript. */
  readonly ms: number;
  /** The return value of the traced function. */
  readonly result: T;

  /** @internal Traces are made by `traceOperations()`. */
  constructor(entries: readonly TraceEntry[], ms: number, result: T) {
    this.entries = entries;
    this.ms = ms;
    this.result = result;
  }

  /** The kernels that ran, in descending order of total time. All launches of a kernel are added up. */
  get kernels(): KernelTotal[] {
    return totals(this.entries.flatMap(({ kernels }) => kernels)).sort((a, b) => b.ms - a.ms);
  }

  /** A table: one line per operation, and below it one line per kernel of the operation. */
  toString(): string {
    const launched = this.kernels;
    const inKernels = launched.reduce((sum, { ms }) => sum + ms, 0);
    const launches = launched.reduce((sum, kernel) => sum + kernel.launches, 0);
    const passes = (kind: TraceEntry["pass"]) => this.entries.filter(({ pass }) => pass === kind).length;
    const total =
      `operations: ${passes("forward")} forward, ${passes("backward")} backward; kernel launches: ${launches}; ` +
      `${this.ms.toFixed(3)} ms, ${inKernels.toFixed(3)} ms of it in kernels`;
    return `${table([HEADER, ...this.entries.flatMap(rowsOf)])}\n${total}`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

export interface TraceOptions {
  /** Prints the table with `console.log`. Default true. */
  print?: boolean;
}

/**
 * Runs `body` and prints the operations that ran: for each operation, its pass, shapes, dtype, algorithm and
 * milliseconds; for each of its kernels, the number of chunks and threads. Kernels outside operations have
 * separate lines, such as "Adam.step" or "(no operation)".
 *
 * During a trace, JavaScript waits for each kernel, so that its time is measured separately. Without a trace,
 * the calling thread continues while workers compute. The first calls include compilation: call `body` a few
 * times before tracing it.
 *
 * For an asynchronous `body`, the trace contains everything that runs until the promise settles, including
 * other tasks of the program. Traces may be nested and may overlap: each contains everything that ran during
 * it.
 *
 * @param body the function to trace. Its return value is the trace's `result`.
 * @param options `print` (default true).
 * @returns the trace, whose `toString()` is the printed table; for an asynchronous `body`, a promise of the
 *   trace.
 * @throws whatever `body` throws; then nothing is printed.
 * @example
 * ```ts
 * import { ones, traceOperations } from "wasmgrad";
 * const x = ones([64, 64]);
 * const { entries } = traceOperations(() => x.matmul(x).relu(), { print: false });
 * console.log(entries.map((entry) => entry.operation)); // ["matmul", "relu"]
 * console.log(entries[0].algorithms); // ["packed"]
 * ```
 */
export function traceOperations<T>(body: () => Promise<T>, options?: TraceOptions): Promise<Trace<T>>;
export function traceOperations<T>(body: () => T, options?: TraceOptions): Trace<T>;
export function traceOperations<T>(body: () => T | Promise<T>, options?: TraceOptions): Trace<T> | Promise<Trace<T>> {
  checkFunction("traceOperations", "body", body);
  const { print } = readOptions("traceOperations", options, { print: true });
  checkBoolean("traceOperations", "print", print);
  const end = record();
  const start = performance.now();
  const finish = (result: T): Trace<T> => {
    const ms = performance.now() - start;
    const own = new Trace(end(), ms, result);
    if (print) console.log(own.toString());
    return own;
  };
  const fail = (error: unknown): never => {
    end();
    throw error;
  };
  let result: T | Promise<T>;
  try {
    result = body();
  } catch (error) {
    return fail(error);
  }
  return isPromise(result) ? Promise.resolve(result).then(finish, fail) : finish(result as T);
}

/** Adds up the launches of the same kernel, in the order of the first launches. */
function totals(kernels: TraceEntry["kernels"]) {
  const byName = new Map<string, { name: string; launches: number; chunks: number; threads: number; ms: number }>();
  for (const { name, chunks, threads, ms } of kernels) {
    const sum = byName.get(name) ?? { name, launches: 0, chunks: 0, threads: 0, ms: 0 };
    sum.launches++;
    sum.chunks += chunks;
    sum.threads = Math.max(sum.threads, threads);
    sum.ms += ms;
    byName.set(name, sum);
  }
  return [...byName.values()];
}

type Row = readonly string[];

const HEADER: Row = ["operation", "inputs -> outputs", "dtype", "algorithm", "chunks", "threads", "ms"];
/** Number of text columns, which come first and are left-aligned. Columns of numbers are right-aligned. */
const TEXTS = 4;

function rowsOf({ operation, pass, inputs, outputs, algorithms, kernels, ms }: TraceEntry): Row[] {
  const dtype = outputs.find((output) => output !== null)?.dtype;
  const describe = (x: TracedArray | number | null) => {
    if (x === null || typeof x === "number") return x === null ? "-" : String(x);
    return x.dtype === dtype ? formatShape(x.shape) : `${x.dtype} ${formatShape(x.shape)}`;
  };
  const list = (arrays: readonly (TracedArray | number | null)[]) => arrays.map(describe).join(" ");
  const title = pass === "backward" ? `${operation} backward` : operation;
  const shapes = pass === null ? "" : `${list(inputs)} -> ${list(outputs)}`;
  const numbers = ["", "", ms.toFixed(3)];
  return [
    [title, shapes, dtype ?? "", algorithms.join(", "), ...numbers],
    ...totals(kernels).map(({ name, launches, chunks, threads, ms }) => [
      `  ${name}${launches === 1 ? "" : ` x${launches}`}`,
      ...["", "", "", String(chunks), String(threads), ms.toFixed(3)],
    ]),
  ];
}

function table(rows: readonly Row[]): string {
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: Row) =>
    row.map((cell, i) => (i < TEXTS ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return rows.map(line).join("\n");
}
