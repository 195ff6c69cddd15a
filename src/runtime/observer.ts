import type { Kernels } from "./kernels.generated.ts";

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

/** The kernels, but the observer is notified of each call. */
export function observedKernels(current: Kernels, by: KernelObserver): Kernels {
  // The target is not the exports object: its properties are constant, so a proxy would have to return them
  // unchanged.
  return new Proxy({} as Kernels, {
    get(_, name: keyof Kernels & string) {
      const kernel = current[name] as (...args: readonly number[]) => unknown;
      return (...args: readonly number[]) => by.kernel(name, 1, () => kernel(...args));
    },
  });
}
