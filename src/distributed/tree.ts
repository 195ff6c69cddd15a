import { shardsOfRank } from "../data/shards.ts";
import { ELEMENTWISE_GRAIN } from "../ops/core/array.ts";
import { type Address, offset } from "../runtime/address.ts";
import { kernels, launch } from "../runtime/kernels.ts";
import type { Exchange } from "./transport.ts";
import type { FlatVector, VectorPool } from "./vector_pool.ts";

/**
 * The sum over all shards, in the order of one binary tree that depends on the number of shards only. So the
 * sum has the same bits for any number of ranks.
 *
 * ```text
 * 6 shards on 3 ranks                      sum
 *                                     /            \
 *                            [0, 4)                  [4, 6)     the left part is the largest power of two
 *                          /        \               /      \
 *                    [0, 2)          [2, 4)        4        5
 *                    /    \          /    \
 *                   0      1        2      3
 *                 '-- rank 0 --' '-- rank 1 --' '-- rank 2 --'  each adds up its subtrees alone
 * ```
 */

type ShardRange = readonly [first: number, end: number];
type ElementRange = readonly [first: number, end: number];

/** Where the tree splits the shards `[first, end)`. */
export function splitOf(first: number, end: number): number {
  let left = 1;
  while (left * 2 < end - first) left *= 2;
  return first + left;
}

/** The largest subtrees of `[first, end)` that lie inside the shards of a rank. */
function subtreesInside([first, end]: ShardRange, own: ShardRange): ShardRange[] {
  if (end <= own[0] || first >= own[1]) return [];
  if (first >= own[0] && end <= own[1]) return [[first, end]];
  const split = splitOf(first, end);
  return [...subtreesInside([first, split], own), ...subtreesInside([split, end], own)];
}

const isPowerOfTwo = (n: number) => (n & (n - 1)) === 0;

/** Which rank adds up which subtrees. */
export class TreePlan {
  readonly shards: number;
  readonly worldSize: number;
  /** The subtrees of each rank. */
  readonly subtrees: readonly (readonly ShardRange[])[];
  /** The most subtrees of any rank. */
  readonly rounds: number;
  /** Whether each rank has one subtree, and these are the leaves of a complete tree: pairs suffice. */
  readonly isComplete: boolean;
  readonly #owners = new Map<string, readonly [rank: number, index: number]>();

  constructor(shards: number, worldSize: number) {
    this.shards = shards;
    this.worldSize = worldSize;
    this.subtrees = Array.from({ length: worldSize }, (_, rank) =>
      subtreesInside([0, shards], shardsOfRank({ rank, worldSize }, shards)),
    );
    this.rounds = Math.max(...this.subtrees.map((list) => list.length));
    this.isComplete = isPowerOfTwo(worldSize) && isPowerOfTwo(shards) && worldSize <= shards;
    for (const [rank, list] of this.subtrees.entries()) {
      for (const [index, [first, end]] of list.entries()) this.#owners.set(`${first} ${end}`, [rank, index]);
    }
  }

  /** The rank that adds up a subtree alone, and the place of the subtree among those of the rank. */
  ownerOf(first: number, end: number): readonly [rank: number, index: number] | undefined {
    return this.#owners.get(`${first} ${end}`);
  }
}

/** `a += b`, over the whole vectors. */
export function addTo(a: FlatVector, b: FlatVector): void {
  add(a.address, b.address, a.length);
}

function add(to: Address, from: Address, length: number): void {
  launch("addContiguous", length, ELEMENTWISE_GRAIN, to, from, to);
}

const at = (vector: Address, element: number) => offset(vector, 4 * element);
/** Where a vector is cut: at multiples of 16 elements, a cache line. */
const aligned = (element: number) => Math.floor(element / 16) * 16;

/**
 * Sums the vectors of all ranks, in the order of the tree. Yields what must be exchanged with other ranks, in
 * the same order on all of them. `partials` are the sums of the rank's subtrees; they are used up. Returns
 * the sum, on every rank.
 */
export function* sumOverRanks(
  plan: TreePlan,
  rank: number,
  partials: readonly FlatVector[],
  length: number,
  pool: VectorPool,
): Generator<Exchange, FlatVector> {
  if (plan.worldSize === 1) return partials[0];
  if (plan.isComplete) yield* sumInPairs(plan.worldSize, rank, partials[0], pool);
  else return yield* sumInParts(plan, rank, partials, length, pool);
  return partials[0];
}

/**
 * Recursive halving with partners at distances 1, 2, 4 and so on, then doubling back: 2 log2(W) messages.
 * Each element is added up in the order of the tree, as a + b and b + a have the same bits.
 * see: Thakur, Rabenseifner and Gropp (2005), Optimization of Collective Communication Operations in MPICH
 */
function* sumInPairs(worldSize: number, rank: number, data: FlatVector, pool: VectorPool): Generator<Exchange, void> {
  const received = pool.take(data.length);
  const { address } = data;
  const path: { peer: number; sent: ElementRange; kept: ElementRange }[] = [];
  let own: ElementRange = [0, data.length];
  for (let distance = 1; distance < worldSize; distance *= 2) {
    const peer = rank ^ distance;
    const middle = own[0] + aligned((own[1] - own[0]) / 2);
    const [low, high]: ElementRange[] = [
      [own[0], middle],
      [middle, own[1]],
    ];
    const [kept, sent] = (rank & distance) === 0 ? [low, high] : [high, low];
    yield exchangeOf(peer, [at(address, sent[0]), sent[1] - sent[0]], [received.address, kept[1] - kept[0]]);
    add(at(address, kept[0]), received.address, kept[1] - kept[0]);
    path.push({ peer, sent, kept });
    own = kept;
  }
  for (const { peer, sent, kept } of path.reverse()) {
    yield exchangeOf(peer, [at(address, kept[0]), kept[1] - kept[0]], [at(address, sent[0]), sent[1] - sent[0]]);
  }
  pool.give(received);
}

function exchangeOf(peer: number, [send, sendLength]: [Address, number], [receive, receiveLength]: [Address, number]) {
  return { kind: "pair", peer, send, sendLength, receive, receiveLength } satisfies Exchange;
}

/**
 * Each rank adds up one part of the elements, of which it gets all partial sums, and the parts are gathered.
 * For any numbers of shards and ranks: 2 (W - 1) messages if each rank has one subtree.
 */
function* sumInParts(
  plan: TreePlan,
  rank: number,
  partials: readonly FlatVector[],
  length: number,
  pool: VectorPool,
): Generator<Exchange, FlatVector> {
  const { worldSize, subtrees } = plan;
  const ranks = Array.from({ length: worldSize }, (_, r) => r);
  const cuts = ranks.map((r) => aligned((length * r) / worldSize));
  const offsets = Int32Array.from(cuts);
  const lengths = Int32Array.from(ranks, (r) => (cuts[r + 1] ?? length) - cuts[r]);
  const own = lengths[rank];
  const received = Array.from({ length: plan.rounds }, () => pool.take(own * worldSize));
  for (let round = 0; round < plan.rounds; round++) {
    const partial = partials[round];
    yield {
      kind: "all to all",
      send: (partial ?? received[round]).address,
      sendLengths: lengths.map((n, r) => (partial && r !== rank ? n : 0)),
      sendOffsets: offsets,
      receive: received[round].address,
      receiveLengths: Int32Array.from(ranks, (r) => (round < subtrees[r].length && r !== rank ? own : 0)),
      receiveOffsets: Int32Array.from(ranks, (r) => r * own),
    };
  }
  /**
   * The address of the sum of a subtree, over this rank's elements. It takes the place of the left operand.
   */
  const sum = (first: number, end: number): Address => {
    const owner = plan.ownerOf(first, end);
    if (owner) {
      const [from, index] = owner;
      return from === rank ? at(partials[index].address, cuts[rank]) : at(received[index].address, from * own);
    }
    const split = splitOf(first, end);
    const [left, right] = [sum(first, split), sum(split, end)];
    add(left, right, own);
    return left;
  };
  const total = partials[0] ?? pool.take(length);
  const from = sum(0, plan.shards);
  const to = at(total.address, cuts[rank]);
  if (from !== to) kernels().copyBytes(to, from, 4 * own);
  yield { kind: "gather", vector: total.address, lengths, offsets };
  for (const vector of [...received, ...partials.slice(1)]) pool.give(vector);
  return total;
}
