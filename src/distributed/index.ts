export { Sharded, type ShardedOptions } from "../data/sharded.ts";
export type { RankInGroup, ShardedBatch } from "../data/shards.ts";
export { type DataParallelOptions, DistributedDataParallel } from "./data_parallel.ts";
export { destroyProcessGroup, initProcessGroup, type ProcessGroupOptions } from "./init.ts";
export type { ProcessGroup } from "./process_group.ts";
export type { StopSignal } from "./stop_signals.ts";
