/**
 * Fails with the position of the worst element if an element differs from its expected value by more than
 * `tolerance` * max(1, |expected|). It throws plain errors, because the benchmarks use it too.
 */
export function expectClose(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${what}: expected ${expected.length} elements, got ${actual.length}`);
  }
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
  if (!(worst <= tolerance)) {
    throw new Error(
      `${what}: element ${where} is ${actual[where]}, expected ${expected[where]}: ` +
        `the error is ${worst}, allowed ${tolerance}`,
    );
  }
}
