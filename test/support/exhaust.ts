import { OutOfMemoryError, scope, zeros } from "wasmgrad";

/**
 * Runs out of memory once, so that the garbage outside all scopes is released: what a test
 * counts afterwards is its own.
 */
export function exhaust(): void {
  try {
    scope(() => {
      for (let i = 0; i < 3; i++) zeros([1]); // what was used just before is not released yet
      for (;;) zeros([2 ** 18]);
    });
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
  }
}
