/**
 * How a global batch is cut into shards, and which rank computes which of them. Shards are the unit of all
 * that must not depend on the number of ranks: sums, random numbers, statistics of batch norm.
 */

/** A rank's place in a group of processes. */
export interface RankInGroup {
  readonly rank: number;
  readonly worldSize: number;
}

/** Cuts `[0, length)` into `parts` ranges, whose lengths differ by one at most. Returns range `part`. */
function cut(length: number, part: number, parts: number): [first: number, end: number] {
  // the first ranges are not shorter than the others, so rank 0 always has shard 0, which is never empty
  return [Math.ceil((length * part) / parts), Math.ceil((length * (part + 1)) / parts)];
}

/** The shards of a rank: `[first, end)`. Empty for some ranks if there are more ranks than shards. */
export function shardsOfRank({ rank, worldSize }: RankInGroup, shards: number): [first: number, end: number] {
  return cut(shards, rank, worldSize);
}

/** What a rank loads of each batch: the shards `[first, end)` of `shards`. */
export interface ShardsToLoad {
  readonly first: number;
  readonly end: number;
  readonly shards: number;
}

export function shardsToLoad(place: RankInGroup, shards: number): ShardsToLoad {
  const [first, end] = shardsOfRank(place, shards);
  return { first, end, shards };
}

/** The places in a batch of `size` samples that belong to a shard: `[first, end)`. */
export function samplesOfShard(size: number, shard: number, shards: number): [first: number, end: number] {
  return cut(size, shard, shards);
}

/** The part of a batch's samples that are in a shard. The weights of all shards add up to 1. */
export function weightOfShard(size: number, shard: number, shards: number): number {
  const [first, end] = samplesOfShard(size, shard, shards);
  return (end - first) / size;
}

/** A rank's part of a global batch. */
export interface ShardedBatch<B> {
  /** Number of samples in the whole batch, on all ranks together. */
  readonly size: number;
  /** Number of shards of the whole batch. */
  readonly shards: number;
  /** The first shard of this rank. */
  readonly first: number;
  /** The samples of each shard of this rank; null for a shard without samples. */
  readonly parts: readonly (B | null)[];
}
