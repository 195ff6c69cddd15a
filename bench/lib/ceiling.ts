/**
 * The ceilings that shares refer to. They are measured in the same rounds as the op: see
 * bench/assembly/ceiling.ts.
 */
type Steps = (steps: number, a: number, b: number) => number;

interface CeilingKernels {
  memory: WebAssembly.Memory;
  mulAddSteps: Steps;
  fusedSteps: Steps;
  copyVectors(from: number, to: number, bytes: number): void;
}

export type Build = "baseline" | "relaxed";

/** Rows of the tile of each build; all tiles have 8 columns. */
const ROWS = { baseline: 3, relaxed: 4 };
/** Takes about a tenth of a millisecond. */
const STEPS = 100_000;
/** Long enough for V8 to replace its quick first translation by the optimised one. */
const WARMUP_MS = 100;

export class Ceiling {
  /** Operations of one call of `multiply`. */
  readonly flops: number;
  readonly #kernels: CeilingKernels;
  readonly #steps: Steps;

  /** Checks the arithmetic, which is timed later. */
  constructor(bytes: Uint8Array<ArrayBuffer>, build: Build = "baseline") {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort() {} } });
    this.#kernels = exports as unknown as CeilingKernels;
    this.#steps = build === "relaxed" ? this.#kernels.fusedSteps : this.#kernels.mulAddSteps;
    const rows = ROWS[build];
    this.flops = STEPS * rows * 8 * 2;
    const [a, b] = [0.5, 0.25];
    // after an odd number of steps, the products of one step are left: rows a, 2a …, 4 columns of b and 4
    // columns of -b, which count twice
    const expected = ((rows * (rows + 1)) / 2) * a * 4 * (b - 2 * b);
    const sum = this.#steps(3, a, b);
    if (sum !== expected) throw new Error(`ceiling: expected ${expected}, got ${sum}: nothing is timed`);
    for (const start = performance.now(); performance.now() - start < WARMUP_MS; ) this.multiply();
  }

  multiply = (): void => void this.#steps(STEPS, 1, 1);

  /** A function that copies `bytes` bytes between two blocks. */
  copier(bytes: number): () => void {
    const from = 65536;
    const rounded = Math.ceil(bytes / 64) * 64;
    const to = from + rounded + 64;
    const { memory, copyVectors } = this.#kernels;
    const missing = Math.ceil((to + rounded - memory.buffer.byteLength) / 65536);
    if (missing > 0) memory.grow(missing);
    return () => copyVectors(from, to, rounded);
  }
}
