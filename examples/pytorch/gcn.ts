// A graph convolutional network: the clubs of two members of a karate club predict those of the other 32.
// npx tsx examples/pytorch/gcn.ts
// see: https://github.com/pytorch/examples/tree/main/gcn
import { manualSeed, nn, noGrad, optim, scope, type Tensor, zeros } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { type KarateClub, karateClub } from "./lib/karate_club.ts";

const F = nn.functional;

/** `Â X W + b`: each node gets the weighted mean of its neighbours' projected features. */
class GraphConv extends nn.Module {
  kernel: nn.Parameter;
  bias: nn.Parameter | null;

  constructor(inputDim: number, outputDim: number, options: { useBias: boolean }) {
    super();
    this.kernel = new nn.Parameter(zeros([inputDim, outputDim]));
    this.bias = options.useBias ? new nn.Parameter(zeros([outputDim])) : null;
    nn.init.xavierNormal_(this.kernel);
  }

  override forward(x: Tensor, adjacency: Tensor): Tensor {
    const output = adjacency.mm(x.mm(this.kernel));
    return this.bias ? output.add(this.bias) : output;
  }
}

export class GCN extends nn.Module {
  gc1: GraphConv;
  gc2: GraphConv;
  readonly p: number;

  constructor(inputDim: number, hiddenDim: number, outputDim: number, options: { useBias: boolean; dropout: number }) {
    super();
    this.gc1 = new GraphConv(inputDim, hiddenDim, options);
    this.gc2 = new GraphConv(hiddenDim, outputDim, options);
    this.p = options.dropout;
  }

  override forward(x: Tensor, adjacency: Tensor): Tensor {
    const hidden = this.gc1.forward(x, adjacency).relu();
    const { p, training } = this;
    return this.gc2.forward(F.dropout(hidden, { p, training }), adjacency).logSoftmax(1);
  }
}

/** `D^-½ A D^-½`, where D has the nodes' degrees on its diagonal. */
export function normalize(adjacency: Tensor): Tensor {
  const root = adjacency.sum(1).rsqrt();
  return adjacency.mul(root.unsqueeze(1)).mul(root.unsqueeze(0));
}

/** A step with the labels of members 0 and 33 only. */
export function trainStep(model: GCN, optimizer: optim.Optimizer, graph: KarateClub): number {
  return scope(() => {
    model.train();
    optimizer.zeroGrad();
    const output = model.forward(graph.features, graph.adjacency);
    const loss = F.nllLoss(output.at([0, 33]), graph.labels.at([0, 33]));
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

/** The share of the members whose club is predicted. */
function test(model: GCN, { features, adjacency, labels }: KarateClub): number {
  model.eval();
  return scope(() => noGrad(() => model.forward(features, adjacency).argmax(1).eq(labels).float().mean().item()));
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, { epochs: 200, lr: 0.01, hidden: 16, dropout: 0.5, seed: 1, log: 20 });
  manualSeed(options.seed);
  const club = karateClub();
  const graph = { ...club, adjacency: normalize(club.adjacency) };
  const model = new GCN(34, options.hidden, 2, { useBias: true, dropout: options.dropout });
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr, weightDecay: 5e-4 });
  return Array.from({ length: options.epochs }, (_, epoch) => {
    const loss = trainStep(model, optimizer, graph);
    if (epoch % options.log === 0) {
      console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}, accuracy ${test(model, graph).toFixed(3)}`);
    }
    return loss;
  });
}

if (process.argv[1]?.endsWith("gcn.ts")) main(process.argv.slice(2));
