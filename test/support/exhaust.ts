import { OutOfMemoryError, scope, zeros } from "wasmgrad";

/**
 * Runs out of memory once, so that garbage outside all scopes is released: tensors that a test counts
 * afterwards are the test's own.
 */
export function exhaust(): void {
  try {
    scope(() => {
      for (let i = 0; i < 3; i++) zeros([1]); // tensors used just before are not released yet
      for (;;) zeros([2 ** 18]);
    });
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
  }
}
