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

/** What `trace` returns: what ran, in order. It keeps no tensor but `result`. */
export class Trace<T = unknown> {
  /** The operations, and the kernels between them. */
  readonly entries: readonly TraceEntry[];
  /** Milliseconds from the start to the end, JavaScript included. */
  readonly ms: number;
  /** What the traced function returned. */
  readonly result: T;

  /** @internal Traces are made by `trace()`. */
  constructor(entries: readonly TraceEntry[], ms: number, result: T) {
    this.entries = entries;
    this.ms = ms;
    this.result = result;
  }

  /** The kernels that ran, all launches of one taken together. The longest come first. */
  get kernels(): KernelTotal[] {
    return totals(this.entries.flatMap(({ kernels }) => kernels)).sort((a, b) => b.ms - a.ms);
  }

  /** A table: one line per operation, and below it one for each of its kernels. */
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
 * Runs `body` and prints what ran: each operation with its pass, shapes and dtype, the algorithm it chose,
 * the kernels it launched, the chunks each was cut into, the threads that shared them, and milliseconds.
 * Kernels outside operations have separate lines, such as "Adam.step" or "(no operation)".
 *
 * Tracing serialises: each kernel is waited for before the next line of JavaScript runs, so that its time is
 * its own. Without a trace the calling thread continues while workers compute. The first calls include
 * compilation: call `body` a few times before.
 *
 * Of an asynchronous `body`, the trace has what runs until its promise settles, other tasks of the program
 * included. Traces may be nested and may overlap: each has all that ran in its time.
 *
 * @param body what to trace. What it returns is the trace's `result`.
 * @param options `print` (default true).
 * @returns the trace, whose `toString()` is the table that is printed; for an asynchronous
 *   `body`, a promise of it.
 * @throws what `body` throws; then nothing is printed.
 * @example
 * ```ts
 * import { ones, trace } from "wasmgrad";
 * const x = ones([64, 64]);
 * const { entries } = trace(() => x.matmul(x).relu(), { print: false });
 * console.log(entries.map((entry) => entry.operation)); // ["matmul", "relu"]
 * console.log(entries[0].algorithms); // ["packed"]
 * ```
 */
export function trace<T>(body: () => Promise<T>, options?: TraceOptions): Promise<Trace<T>>;
export function trace<T>(body: () => T, options?: TraceOptions): Trace<T>;
export function trace<T>(body: () => T | Promise<T>, options?: TraceOptions): Trace<T> | Promise<Trace<T>> {
  checkFunction("trace", "body", body);
  const { print } = readOptions("trace", options, { print: true });
  checkBoolean("trace", "print", print);
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

/** Launches of the same kernel taken together, in the order of their first ones. */
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
/** So many columns of text come first, to the left; those of numbers are to the right. */
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
