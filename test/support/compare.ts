import { expect } from "vitest";

/**
 * Fails with the position of the worst element when one is further than
 * `tolerance` * max(1, |expected|) from what is expected.
 */
export function expectClose(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  expect(actual.length, `${what}: number of elements`).toBe(expected.length);
  let worst = 0;
  let where = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i]) || actual[i] === expected[i]) continue;
    const error = Math.abs(actual[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    if (!(error <= worst)) {
      worst = error;
      where = i;
    }
  }
  expect(worst, `${what}: element ${where} is ${actual[where]}, expected ${expected[where]}`).toBeLessThanOrEqual(
    tolerance,
  );
}
