import { isNode, nodeModule } from "../node_module.ts";

/**
 * Detects that a worker is dead, by the file that it holds open as long as it lives. A closed file is a proof
 * only where descriptors belong to the whole process and a worker's are closed when it ends: in Node, but not
 * in other runtimes with Node's modules (in Deno the caller cannot see a worker's descriptors, dead or
 * alive). So the caller must have seen the file open first, while the worker was alive.
 */
export class DeathWatch {
  readonly #file: () => number;
  #seenOpen = false;

  /** @param file gives the descriptor, or -1 as long as there is none. */
  constructor(file: () => number) {
    this.#file = file;
  }

  /** To be called now and then while the worker is alive. */
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

/** Whether a file descriptor of this process is open; undefined where that cannot be determined. */
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
