import type { Address } from "../runtime/address.ts";

/** Sends part of a vector to another rank, and receives another part from it. */
export interface PairExchange {
  kind: "pair";
  peer: number;
  send: Address;
  sendLength: number;
  receive: Address;
  receiveLength: number;
}

/** Each rank sends to each other rank. Lengths and offsets are in elements, one per rank. */
export interface AllToAll {
  kind: "all to all";
  send: Address;
  sendLengths: Int32Array;
  sendOffsets: Int32Array;
  receive: Address;
  receiveLengths: Int32Array;
  receiveOffsets: Int32Array;
}

/** Each rank has one part of a vector; all get the whole vector. */
export interface GatherParts {
  kind: "gather";
  vector: Address;
  lengths: Int32Array;
  offsets: Int32Array;
}

/** One exchange between ranks, of elements of four bytes in the linear memory. */
export type Exchange = PairExchange | AllToAll | GatherParts;

/** What all ranks call together: the name and the arguments that must be the same on each of them. */
export interface Collective {
  /** What a rank does there, for messages: "barrier", "step 12". */
  name: string;
  /** A number that must be the same on all ranks, such as the length of a vector. */
  size: number;
}

/**
 * How the processes of a group reach each other. Every function is called by all ranks, in the same order.
 */
export interface Transport {
  readonly rank: number;
  readonly worldSize: number;
  /** The library that carries the messages. */
  readonly library: string;
  /**
   * Waits until all ranks have come to the same collective. Returns the maximum over all ranks of each of the
   * `values`.
   *
   * @throws DistributedError when a rank has ended, is at another collective, or does not come in time.
   */
  meet(collective: Collective, values: readonly number[]): Int32Array;
  exchange(exchange: Exchange): void;
  /** Gives all ranks what `root` has. */
  broadcast(address: Address, length: number, root: number): void;
  /** The bytes of each rank. */
  gatherBytes(bytes: Uint8Array): Uint8Array[];
  /** Leaves the group, after all other ranks do so as well. */
  end(): void;
}
