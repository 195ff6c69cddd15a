/**
 * A clock around every kernel that the library launches, put in place from outside: import it before
 * the first kernel runs, since the library instantiates its kernels then. While no clock runs, it costs
 * some nanoseconds a launch.
 */

export type KernelTimes = Map<string, { calls: number; ms: number }>;

type Kernel = (...args: number[]) => unknown;

let times: KernelTimes | undefined;

function clocked(name: string, kernel: Kernel): Kernel {
  return (...args) => {
    if (!times) return kernel(...args);
    const start = performance.now();
    const result = kernel(...args);
    const ms = performance.now() - start;
    const entry = times.get(name);
    if (entry) {
      entry.calls++;
      entry.ms += ms;
    } else times.set(name, { calls: 1, ms });
    return result;
  };
}

const OriginalInstance = WebAssembly.Instance;

WebAssembly.Instance = class extends OriginalInstance {
  readonly #exports = Object.fromEntries(
    Object.entries(super.exports).map(([name, value]) => [
      name,
      typeof value === "function" ? clocked(name, value as Kernel) : value,
    ]),
  );

  override get exports() {
    return this.#exports;
  }
} as typeof WebAssembly.Instance;

/** What each kernel takes of `body`, all of its calls together. */
export function timeKernels(body: () => void): KernelTimes {
  const own: KernelTimes = (times = new Map());
  try {
    body();
  } finally {
    times = undefined;
  }
  return own;
}
