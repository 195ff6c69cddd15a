import { enableGrad, memory, noGrad, scope, type Tensor, tensor } from "wasmgrad";
import { CaseError, type Kind } from "./campaign.ts";
import { checkClose } from "./check.ts";
import type { Random } from "./random.ts";
import { type Node, Tape, ULP } from "./tape.ts";

/** A tensor of the graph, and its elements on the tape. */
interface Pair {
  tensor: Tensor;
  nodes: Node[];
}

const N = 6;

/** Makes another tensor from the existing ones. `detached` says whether the graph ends here. */
function grow(random: Random, tape: Tape, pairs: readonly Pair[]): Pair {
  const [a, b] = [random.pick(pairs), random.pick(pairs)];
  const each = (f: (x: Node, y: Node) => Node) => a.nodes.map((x, i) => f(x, b.nodes[i]));
  const value = (node: Node) => tape.values[node];
  const cut = (nodes: Node[]) =>
    nodes.map((node) => {
      const leaf = tape.leaf(value(node));
      tape.errors[leaf] = tape.errors[node];
      return leaf;
    });
  switch (random.integer(0, 11)) {
    case 0:
      return { tensor: a.tensor.add(b.tensor), nodes: each((x, y) => tape.add(x, y)) };
    case 1:
      return { tensor: a.tensor.sub(b.tensor), nodes: each((x, y) => tape.sub(x, y)) };
    case 2:
      return { tensor: a.tensor.mul(b.tensor).tanh(), nodes: each((x, y) => tanh(tape, tape.mul(x, y))) };
    case 3:
      return { tensor: a.tensor.tanh(), nodes: a.nodes.map((x) => tanh(tape, x)) };
    case 4: {
      const sum = tape.scale(tape.sum(a.nodes), 1 / N);
      return { tensor: a.tensor.mean().expand([N]), nodes: a.nodes.map(() => sum) };
    }
    case 5:
      return { tensor: a.tensor.flip(0), nodes: [...a.nodes].reverse() };
    case 6:
      return { tensor: a.tensor.detach(), nodes: cut(a.nodes) };
    case 7:
      return { tensor: noGrad(() => a.tensor.mul(0.5)), nodes: cut(a.nodes.map((x) => tape.scale(x, 0.5))) };
    case 8:
      return {
        tensor: noGrad(() => enableGrad(() => a.tensor.mul(-0.5))),
        nodes: a.nodes.map((x) => tape.scale(x, -0.5)),
      };
    case 9:
      return { tensor: scope(() => a.tensor.neg().neg()), nodes: a.nodes };
    case 10:
      return { tensor: a.tensor.reshape([2, 3]).t().reshape([N]), nodes: [0, 3, 1, 4, 2, 5].map((i) => a.nodes[i]) };
    default:
      return { tensor: a.tensor.add(a.tensor).mul(0.5), nodes: a.nodes.map((x) => tape.scale(tape.add(x, x), 0.5)) };
  }
}

function tanh(tape: Tape, x: Node): Node {
  const y = Math.tanh(tape.values[x]);
  return tape.unary(x, y, 1 - y * y);
}

function runGraph(random: Random): string {
  const tape = new Tape();
  const leaves: Pair[] = Array.from({ length: random.integer(1, 3) }, () => {
    const data = random.normals(N);
    return { tensor: tensor(data, { requiresGrad: true }), nodes: tape.leaves(data) };
  });
  const pairs = [...leaves];
  for (let n = random.integer(1, 25); n > 0; n--) pairs.push(grow(random, tape, pairs));
  const twice = random.chance(0.3);
  const outputs = random.chance(0.5) ? [pairs[pairs.length - 1]] : [random.pick(pairs), pairs[pairs.length - 1]];
  const seed = random.normals(N);
  const expected = leaves.map(() => new Float64Array(N));
  const bounds = leaves.map(() => new Float64Array(N));
  for (const output of outputs) {
    checkClose(
      "values",
      output.tensor.data(),
      output.nodes.map((node) => tape.values[node]),
      output.nodes.map((node) => 16 * ULP * (tape.errors[node] + 8)),
    );
    if (!output.tensor.requiresGrad) continue;
    for (let i = twice ? 2 : 1; i > 0; i--) output.tensor.backward(tensor(seed), { retainGraph: true });
    const { gradients, errors } = tape.gradients(output.nodes, seed);
    leaves.forEach(({ nodes }, l) => {
      nodes.forEach((node, i) => {
        expected[l][i] += (twice ? 2 : 1) * gradients[node];
        bounds[l][i] += 64 * ULP * (errors[node] + 8);
      });
    });
  }
  leaves.forEach(({ tensor: leaf }, l) => {
    checkClose(`gradient of leaf ${l}`, leaf.grad?.data() ?? new Float32Array(N), expected[l], bounds[l]);
  });
  return twice ? "backward twice" : "backward";
}

export const graphs: Kind = {
  name: "graphs",
  run(random) {
    const { liveTensors, liveBytes } = memory();
    const name = scope(() => runGraph(random));
    const after = memory();
    if (after.liveTensors !== liveTensors || after.liveBytes !== liveBytes) {
      throw new CaseError(`${after.liveTensors - liveTensors} tensors, ${after.liveBytes - liveBytes} bytes stay`);
    }
    return name;
  },
};
