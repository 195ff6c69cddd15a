/**
 * The kernel that is not done yet, at most one: with workers a launch only begins it, so that they compute while the calling thread
 * goes on with the JavaScript up to the next launch. Kernels run one after the other all the same: whoever launches one, or
 * looks into the memory, settles the pending one first.
 */
let complete: (() => void) | undefined;
let lost = 0;
const later: (() => void)[] = [];

/** Leaves a kernel to be completed by `settle`. None may be pending. */
export function defer(completion: () => void): void {
  complete = completion;
}

/** How many kernels were begun whose results are lost: what was computed before that, whoever learnt of it, may not be there. */
export function lostKernels(): number {
  return lost;
}

/** Completes the pending kernel, if there is one. Throws its errors: they come later than the operation that launched it. */
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

/** Calls `action` when no kernel is pending that was begun by now. */
export function whenSettled(action: () => void): void {
  if (complete) later.push(action);
  else action();
}
