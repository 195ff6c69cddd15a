import { PAGE_BYTES } from "../address.ts";
import { CASES, FIRST_REGION, POSITIVE, REGION_BYTES, REGIONS, TABLE_WORDS, TABLES } from "./check_cases.ts";

type Exports = Record<string, (...args: readonly number[]) => unknown>;

const BYTES = REGIONS * REGION_BYTES;

/** Numbers up to 4 of both signs, and now and then one that functions treat in another way. */
export function checkInputs(): Float32Array<ArrayBuffer> {
  const special = [0, -0, 1e-40, 30, -30, 95, -95, 1];
  const values = new Float32Array(BYTES / 4);
  let random = 1;
  for (let i = 0; i < values.length; i++) {
    random = (Math.imul(random, 1664525) + 1013904223) | 0; // the generator of Numerical Recipes
    values[i] = i % 17 === 16 ? special[(random >>> 28) % special.length] : random / 2 ** 29;
  }
  const first = (POSITIVE - FIRST_REGION) / 4;
  for (let i = first; i < first + REGION_BYTES / 4; i++) values[i] = Math.abs(values[i]);
  const words = new Int32Array(values.buffer);
  for (const [address, table] of TABLE_WORDS) words.set(table, (address - FIRST_REGION) / 4);
  words.fill(0, (TABLES - FIRST_REGION) / 4 + 256, (TABLES - FIRST_REGION + REGION_BYTES) / 4);
  return values;
}

/**
 * Compares two builds of the kernels, bit for bit, in a small memory. Returns the first kernel whose results
 * differ, or undefined. A program need not contain all kernels: those that it lacks trap.
 */
export function differingKernel(narrow: WebAssembly.Module, wide: WebAssembly.Module): string | undefined {
  const pages = Math.ceil((FIRST_REGION + BYTES) / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const abort = () => {
    throw new Error("assert failed");
  };
  const [narrowKernels, wideKernels] = [narrow, wide].map(
    (module) => new WebAssembly.Instance(module, { env: { memory, abort } }).exports as unknown as Exports,
  );
  const values = checkInputs();
  const heap = new Float32Array(memory.buffer, FIRST_REGION, values.length);
  const words = new Int32Array(memory.buffer, FIRST_REGION, values.length);
  for (const { kernel, args } of CASES) {
    heap.set(values);
    try {
      narrowKernels[kernel](...args);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) continue; // a kernel that the program does not contain
      throw error;
    }
    const expected = words.slice();
    heap.set(values);
    wideKernels[kernel](...args);
    for (let i = 0; i < expected.length; i++) if (words[i] !== expected[i]) return kernel;
  }
  return undefined;
}
