/** `wasmgrad/distributed` where there is no MPI: in pages and other runtimes than Node, Deno and Bun. */
import { DistributedError } from "../errors.ts";
import type { ProcessGroupOptions } from "./init.ts";
import type { ProcessGroup } from "./process_group.ts";

export { Sharded } from "../data/sharded.ts";
export { DistributedDataParallel } from "./data_parallel.ts";

export function initProcessGroup(_options?: ProcessGroupOptions): ProcessGroup {
  throw new DistributedError(
    "initProcessGroup: expected Node, where MPI connects processes; a page is one process: leave out the group, the option shards gives the same bits",
  );
}

export function destroyProcessGroup(): void {}
