import type { NodeProto } from "../schema/onnx_pb.ts";

/** Most nodes of a cycle that a message names. */
const MOST_SHOWN = 6;

/** A node in a message: by its name, or by that of its first output. */
export function nameNode({ name, output, opType }: NodeProto): string {
  return `node ${JSON.stringify(name || (output[0] ?? ""))} (${opType})`;
}

/**
 * Why node `i` of a list cannot read a name: nothing computes it, or a later node does, or the nodes form a
 * cycle.
 */
export function explainUndefined(nodes: readonly NodeProto[], i: number, name: string): string {
  const reader = nameNode(nodes[i]);
  const producers = new Map<string, number>();
  for (const [at, { output }] of nodes.entries()) for (const made of output) producers.set(made, at);
  const producer = producers.get(name);
  if (producer === undefined) return `${reader} reads ${JSON.stringify(name)}, which nothing computes`;
  const cycle = findCycle(nodes, producers, i);
  if (cycle) {
    const shown = cycle.slice(0, MOST_SHOWN).map((at) => nameNode(nodes[at]));
    return `a cycle of ${cycle.length} nodes, each of which reads what the next one computes: ${shown.join(", ")}`;
  }
  return `${reader} reads ${JSON.stringify(name)}, which ${nameNode(nodes[producer])} computes only after it`;
}

/** The nodes of a cycle through node `start`, or null. */
function findCycle(
  nodes: readonly NodeProto[],
  producers: ReadonlyMap<string, number>,
  start: number,
): number[] | null {
  /** For each node that was reached, the node that reads its output. */
  const readers = new Map<number, number>();
  const open = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const name of nodes[at].input) {
      const producer = producers.get(name);
      if (producer === undefined || name === "" || readers.has(producer)) continue;
      readers.set(producer, at);
      if (producer === start) return pathTo(readers, start);
      open.push(producer);
    }
  }
  return null;
}

function pathTo(readers: ReadonlyMap<number, number>, start: number): number[] {
  const path = [start];
  for (let at = readers.get(start)!; at !== start; at = readers.get(at)!) path.push(at);
  return path.reverse();
}
