import { isNode, nodeModule } from "../node_module.ts";

/**
 * Detects that a worker is dead, by a file that the worker holds open as long as it lives. A closed file
 * proves this only if descriptors belong to the whole process, and a worker's descriptors are closed when it
 * ends. This is true in Node, but not in other runtimes with Node's modules: in Deno, the caller cannot see
 * the descriptors of workers, dead or alive. The caller must therefore have seen the file open while the
 * worker was alive.
 */
export class DeathWatch {
  readonly #file: () => number;
  #seenOpen = false;

  /** @param file returns the descriptor, or -1 as long as there is none. */
  constructor(file: () => number) {
    this.#file = file;
  }

  /** Must be called from time to time while the worker is alive. */
  observe(): void {
    if (!this.#seenOpen && isNode()) this.#seenOpen = isOpen(this.#file()) === true;
  }

  isCertain(): boolean {
    if (!this.#seenOpen) {
      this.observe();
      return false;
    }
    return isOpen(this.#file()) === false;
  }
}

/** Whether a file descriptor of this process is open; undefined if this cannot be determined. */
function isOpen(file: number): boolean | undefined {
  const fs = nodeModule("node:fs");
  if (file < 0 || !fs) return undefined;
  try {
    fs.fstatSync(file);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EBADF" ? false : undefined;
  }
}
