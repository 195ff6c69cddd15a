/** Observes kernels while a trace is running: see src/ops/core/recorder.ts. */
export interface KernelObserver {
  /**
   * Calls `run`, which runs kernel `name` over `chunks` chunks of its range and waits until it has finished.
   */
  kernel<T>(name: string, chunks: number, run: () => T): T;
}

/** Undefined while no trace is running. A launch then only tests this variable. */
export let observer: KernelObserver | undefined;

/** Sets the observer of all further kernels; undefined removes it. */
export function observeKernels(next: KernelObserver | undefined): void {
  observer = next;
}
