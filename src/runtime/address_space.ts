import { isNode, nodeModule } from "./node_module.ts";

/** Address space that a worker of Node needs, with a margin: 600 to 900 MB were measured. */
const BYTES_PER_WORKER = 2 ** 30;
/** Page size of Linux on most machines that Node supports. On some ARM machines it is larger. */
const PAGE_BYTES = 4096;

/**
 * Address space that the process may still take (`ulimit -v`), in bytes. V8 ends the whole process if its
 * heap or a new worker does not fit into the address space. The limit is known only in Node on Linux;
 * elsewhere the result is Infinity.
 */
export function addressSpaceLeft(): number {
  const fs = isNode() ? nodeModule("node:fs") : undefined;
  try {
    const limit = /^Max address space +(\d+)/m.exec(fs?.readFileSync("/proc/self/limits", "latin1") ?? "")?.[1];
    if (!fs || !limit) return Number.POSITIVE_INFINITY;
    const pages = Number.parseInt(fs.readFileSync("/proc/self/statm", "latin1"), 10);
    return Math.max(0, Number(limit) - pages * PAGE_BYTES);
  } catch {
    return Number.POSITIVE_INFINITY; // the system is not Linux, or the files cannot be read
  }
}

/** Number of workers that fit into the address space that is left. */
export function affordableWorkers(): number {
  return Math.floor(addressSpaceLeft() / BYTES_PER_WORKER);
}
