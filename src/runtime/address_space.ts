import { isNode, nodeModule } from "./node_module.ts";

/** What a worker of Node takes, with room to spare: 600 to 900 MB were measured. */
const BYTES_PER_WORKER = 2 ** 30;
/** As Linux counts pages, on all machines that Node has builds for but some of ARM, where it is more. */
const PAGE_BYTES = 4096;

/**
 * What address space the process may still take (`ulimit -v`), in bytes. V8 ends the whole process where its heap, or a new worker, does not
 * fit into it. No limit is known but Linux's, in Node.
 */
export function addressSpaceLeft(): number {
  const fs = isNode() ? nodeModule("node:fs") : undefined;
  try {
    const limit = /^Max address space +(\d+)/m.exec(fs?.readFileSync("/proc/self/limits", "latin1") ?? "")?.[1];
    if (!fs || !limit) return Number.POSITIVE_INFINITY;
    const pages = Number.parseInt(fs.readFileSync("/proc/self/statm", "latin1"), 10);
    return Math.max(0, Number(limit) - pages * PAGE_BYTES);
  } catch {
    return Number.POSITIVE_INFINITY; // not Linux, or files may not be read
  }
}

/** How many workers fit into it. */
export function affordableWorkers(): number {
  return Math.floor(addressSpaceLeft() / BYTES_PER_WORKER);
}
