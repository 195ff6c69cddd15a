/**
 * How long a data-parallel training step takes on several nodes, from the number of parameters, the time per
 * image and the network. A model with two constants for the network, latency and bandwidth, as in
 * "Optimization of Collective Communication Operations in MPICH" (Thakur et al. 2005). It knows no slow
 * nodes and no other traffic, so it gives the best case.
 */

export interface Network {
  /** Seconds that a message takes, however short. */
  latency: number;
  /** Bytes per second, in each direction. */
  bandwidth: number;
}

/** What one node does, all of its cores together. */
export interface NodeRates {
  /** Bytes of gradients per second that are added to others. */
  adds: number;
  /** Bytes per second that are copied. */
  copies: number;
}

export interface Job {
  parameters: number;
  /** Seconds that one node computes for one image: forward, backward, optimizer. */
  secondsPerImage: number;
  nodes: number;
  /** Shards of a global batch. Default: `nodes`. */
  shards?: number;
  network: Network;
  rates: NodeRates;
}

const BYTES_PER_PARAMETER = 4;
/** Copies of the gradients in a step, as large as all of them. */
const COPIES = 3;

/**
 * Whether the ranks exchange halves in pairs: if their number is a power of two that divides the shards.
 * Otherwise each rank sends a part to every other one.
 */
export function inPairs(nodes: number, shards: number): boolean {
  return Number.isInteger(Math.log2(nodes)) && shards % nodes === 0;
}

/** Seconds in which the nodes add up their gradients and all have the sum. */
export function communication({ parameters, nodes, shards = nodes, network, rates }: Job): number {
  if (nodes === 1) return 0;
  const bytes = BYTES_PER_PARAMETER * parameters;
  const others = bytes * (1 - 1 / nodes);
  const pairs = inPairs(nodes, shards);
  const messages = pairs ? 2 * Math.log2(nodes) : 2 * (nodes - 1);
  // the sums that a rank has may be two subtrees, which it sends separately
  const sent = pairs ? 2 * others : 3 * others;
  const local = others / rates.adds + (COPIES * bytes) / rates.copies;
  return messages * network.latency + sent / network.bandwidth + local;
}

/** The share of its time that a node computes, with `images` images per node in a step. */
export function efficiency(job: Job, images: number): number {
  const computed = images * job.secondsPerImage;
  return computed / (computed + communication(job));
}

/** The least number of images per node and step with which a node computes for `share` of its time. */
export function imagesFor(job: Job, share: number): number {
  return Math.max(1, leastInteger((share / (1 - share)) * (communication(job) / job.secondsPerImage)));
}

/** The least number of local steps between two sums with which a node computes for `share` of its time. */
export function localStepsFor(job: Job, images: number, share: number): number {
  return Math.max(1, leastInteger(((share / (1 - share)) * communication(job)) / (images * job.secondsPerImage)));
}

/** The next integer, unless rounding alone is what lies above the last one. */
function leastInteger(value: number): number {
  return Math.ceil(value * (1 - 1e-12));
}
