/**
 * Completes the pending kernel. There is at most one. With workers, a launch only opens a job: the workers
 * compute it while the calling thread runs the JavaScript up to the next launch. Kernels still run one after
 * the other, because each launch and each view of the memory settles the pending kernel first.
 */
let complete: (() => void) | undefined;
let lost = 0;
const later: (() => void)[] = [];

/** Makes a kernel pending, to be completed by `settle`. No other kernel may be pending. */
export function defer(completion: () => void): void {
  complete = completion;
}

/**
 * Number of kernels whose results were lost. Results computed before the number last changed may be invalid.
 */
export function lostKernels(): number {
  return lost;
}

/**
 * Completes the pending kernel, if there is one. Throws the kernel's error, which the operation that launched
 * the kernel could not throw.
 */
export function settle(): void {
  if (!complete) return;
  const completion = complete;
  complete = undefined;
  try {
    completion();
  } catch (error) {
    lost++;
    throw error;
  } finally {
    for (const action of later.splice(0)) action();
  }
}

/** Calls `action` once the currently pending kernel is settled, or at once if there is none. */
export function whenSettled(action: () => void): void {
  if (complete) later.push(action);
  else action();
}
