import { describe, expect, test } from "vitest";
import { shardsOfRank } from "../../../src/data/shards.ts";
import type { Exchange } from "../../../src/distributed/transport.ts";
import { splitOf, sumOverRanks, TreePlan } from "../../../src/distributed/tree.ts";
import { type FlatVector, VectorPool } from "../../../src/distributed/vector_pool.ts";
import { f32View } from "../../../src/runtime/memory.ts";

const LENGTH = 83;
const MOST = 17;

/** Values whose sum depends on the order in which they are added. */
function leafValue(shard: number, element: number): number {
  return Math.fround(((shard * 7919 + element * 104_729) % 1000) * 10 ** (((shard * 5 + element) % 9) - 4));
}

/** The definition of the sum, in JavaScript: a float32 addition for each node of the tree. */
function definition(first: number, end: number, element: number): number {
  if (end - first === 1) return leafValue(first, element);
  let left = 1;
  while (2 * left < end - first) left *= 2;
  return Math.fround(definition(first, first + left, element) + definition(first + left, end, element));
}

const view = ({ address, length }: FlatVector) => f32View(address, length);

/** Does for all ranks what they ask for: each gets what the others send it. */
function deliver(requests: readonly Exchange[]): void {
  const copy = (from: number, to: number, length: number) =>
    void f32View(to as FlatVector["address"], length).set(f32View(from as FlatVector["address"], length).slice());
  const kinds = new Set(requests.map(({ kind }) => kind));
  expect(kinds.size).toBe(1);
  const sent = requests.map((request) => {
    if (request.kind === "pair") return f32View(request.send, request.sendLength).slice();
    if (request.kind === "gather") return null;
    return Array.from(request.sendLengths, (length, peer) =>
      f32View((request.send + 4 * request.sendOffsets[peer]) as FlatVector["address"], length).slice(),
    );
  });
  for (const [rank, request] of requests.entries()) {
    if (request.kind === "pair") {
      const partner = requests[request.peer];
      expect(partner).toMatchObject({ kind: "pair", peer: rank, sendLength: request.receiveLength });
      f32View(request.receive, request.receiveLength).set(sent[request.peer] as Float32Array);
    } else if (request.kind === "all to all") {
      for (const [peer, length] of request.receiveLengths.entries()) {
        const values = (sent[peer] as Float32Array[])[rank];
        expect(values).toHaveLength(length);
        f32View((request.receive + 4 * request.receiveOffsets[peer]) as FlatVector["address"], length).set(values);
      }
    } else {
      for (const [peer, other] of requests.entries()) {
        if (peer === rank || other.kind !== "gather") continue;
        const at = 4 * other.offsets[peer];
        copy(other.vector + at, request.vector + at, other.lengths[peer]);
      }
    }
  }
}

/** Runs all ranks of a sum side by side. Returns the sum of each rank. */
function sumOfAll(shards: number, worldSize: number): { sums: Float32Array[]; exchanges: number } {
  const plan = new TreePlan(shards, worldSize);
  const pools: VectorPool[] = [];
  const subtree = (pool: VectorPool, first: number, end: number): FlatVector => {
    const vector = pool.take(LENGTH);
    view(vector).set(Array.from({ length: LENGTH }, (_, element) => definition(first, end, element)));
    return vector;
  };
  const ranks = Array.from({ length: worldSize }, (_, rank) => {
    const pool = new VectorPool();
    pools.push(pool);
    const partials = plan.subtrees[rank].map(([first, end]) => subtree(pool, first, end));
    return sumOverRanks(plan, rank, partials, LENGTH, pool);
  });
  for (let exchanges = 0; ; exchanges++) {
    const next = ranks.map((rank) => rank.next());
    if (next.every(({ done }) => done)) {
      const sums = next.map(({ value }) => view(value as FlatVector).slice());
      for (const pool of pools) pool.release();
      return { sums, exchanges };
    }
    deliver(next.map(({ value }) => value as Exchange));
  }
}

describe("the sum over all shards", () => {
  const counts = Array.from({ length: MOST }, (_, i) => i + 1);

  test.each(counts)("%d shards on 1 to 17 ranks have the bits of the definition, on every rank", (shards) => {
    const expected = Float32Array.from({ length: LENGTH }, (_, element) => definition(0, shards, element));
    for (const worldSize of counts) {
      for (const sum of sumOfAll(shards, worldSize).sums) expect(sum).toEqual(expected);
    }
  });

  test("the order matters for these values", () => {
    const inOrder = (element: number) => {
      let sum = 0;
      for (let shard = 0; shard < MOST; shard++) sum = Math.fround(sum + leafValue(shard, element));
      return sum;
    };
    const differing = Array.from({ length: LENGTH }, (_, i) => i).filter((i) => inOrder(i) !== definition(0, MOST, i));
    expect(differing.length).toBeGreaterThan(LENGTH / 4);
  });

  test("powers of two take 2 log2(W) exchanges with a partner, other numbers one for each subtree and one more", () => {
    expect([2, 4, 8, 16].map((ranks) => sumOfAll(16, ranks).exchanges)).toEqual([2, 4, 6, 8]);
    expect(sumOfAll(6, 3).exchanges).toBe(2);
    expect(new TreePlan(8, 3).rounds).toBe(2);
    expect(sumOfAll(8, 3).exchanges).toBe(3);
    expect(sumOfAll(8, 1).exchanges).toBe(0);
  });
});

describe("the parts of the tree", () => {
  test("the left part is the largest power of two", () => {
    expect([2, 3, 4, 5, 6, 8, 9, 17].map((end) => splitOf(0, end))).toEqual([1, 2, 2, 4, 4, 4, 8, 16]);
    expect(splitOf(4, 7)).toBe(6);
  });

  test("the subtrees of all ranks are the shards, each once and in order, and no two could be one", () => {
    for (let shards = 1; shards <= MOST; shards++) {
      for (let worldSize = 1; worldSize <= MOST; worldSize++) {
        const { subtrees } = new TreePlan(shards, worldSize);
        const covered = subtrees
          .flat()
          .flatMap(([first, end]) => Array.from({ length: end - first }, (_, i) => first + i));
        expect(covered).toEqual(Array.from({ length: shards }, (_, i) => i));
        const own = subtrees.map((list) => list.reduce((sum, [first, end]) => sum + end - first, 0));
        expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
        expect(own[0]).toBeGreaterThan(0); // rank 0 always has a shard
        expect(subtrees.map((_, rank) => shardsOfRank({ rank, worldSize }, shards)).at(-1)![1]).toBe(shards);
      }
    }
  });
});
