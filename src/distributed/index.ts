export type { ShardedBatch } from "../data/shards.ts";
export { destroyProcessGroup, initProcessGroup, type ProcessGroupOptions } from "./init.ts";
export { ProcessGroup } from "./process_group.ts";
export type { StopSignal } from "./stop_signals.ts";
