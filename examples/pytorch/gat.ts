// A graph attention network: as gcn.ts, but each node learns how much it attends to each of its neighbours.
// npx tsx examples/pytorch/gat.ts
// see: https://github.com/pytorch/examples/tree/main/gat
import { manualSeed, nn, noGrad, optim, scope, type Tensor, zeros } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { type KarateClub, karateClub } from "./lib/karate_club.ts";

const F = nn.functional;

interface AttentionOptions {
  heads: number;
  /** Whether the heads' results are concatenated rather than averaged. */
  concat: boolean;
  dropout: number;
}

class GraphAttentionLayer extends nn.Module {
  /** [inFeatures, heads · hidden] */
  W: nn.Parameter;
  /** [heads, 2 · hidden, 1] */
  a: nn.Parameter;
  readonly hidden: number;
  readonly options: AttentionOptions;

  constructor(inFeatures: number, outFeatures: number, options: AttentionOptions) {
    super();
    this.options = options;
    this.hidden = options.concat ? outFeatures / options.heads : outFeatures;
    this.W = new nn.Parameter(zeros([inFeatures, this.hidden * options.heads]));
    this.a = new nn.Parameter(zeros([options.heads, 2 * this.hidden, 1]));
    nn.init.xavierNormal_(this.W);
    nn.init.xavierNormal_(this.a);
  }

  override forward(h: Tensor, adjacency: Tensor): Tensor {
    const { heads, concat } = this.options;
    const [nodes] = h.shape;
    // [heads, nodes, hidden]
    const projected = h.mm(this.W).view([nodes, heads, this.hidden]).permute([1, 0, 2]);
    // a part of the score for the node that looks, and one for the node that is seen
    const source = projected.matmul(this.a.slice(1, 0, this.hidden));
    const target = projected.matmul(this.a.slice(1, this.hidden));
    const scores = F.leakyRelu(source.add(target.mT), { negativeSlope: 0.2 });
    const weights = scores.maskedFill(adjacency.eq(0), -9e15).softmax(-1);
    const { dropout: p } = this.options;
    const mixed = F.dropout(weights, { p, training: this.training }).matmul(projected);
    return concat ? mixed.permute([1, 0, 2]).reshape([nodes, heads * this.hidden]) : mixed.mean(0);
  }
}

export class GAT extends nn.Module {
  gat1: GraphAttentionLayer;
  gat2: GraphAttentionLayer;
  readonly p: number;

  constructor(inFeatures: number, hidden: number, classes: number, options: { heads: number; dropout: number }) {
    super();
    this.p = options.dropout;
    this.gat1 = new GraphAttentionLayer(inFeatures, hidden, { ...options, concat: true });
    this.gat2 = new GraphAttentionLayer(hidden, classes, { ...options, heads: 1, concat: false });
  }

  override forward(x: Tensor, adjacency: Tensor): Tensor {
    const { p, training } = this;
    const hidden = F.elu(this.gat1.forward(x, adjacency));
    return this.gat2.forward(F.dropout(hidden, { p, training }), adjacency).logSoftmax(1);
  }
}

/** A step with the labels of members 0 and 33 only. */
export function trainStep(model: GAT, optimizer: optim.Optimizer, graph: KarateClub): number {
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
function test(model: GAT, { features, adjacency, labels }: KarateClub): number {
  model.eval();
  return scope(() => noGrad(() => model.forward(features, adjacency).argmax(1).eq(labels).float().mean().item()));
}

export function main(args: readonly string[] = []): number[] {
  const sizes = { hidden: 64, heads: 8 };
  const options = readArguments(args, { epochs: 200, lr: 5e-3, ...sizes, dropout: 0.6, seed: 1, log: 20 });
  manualSeed(options.seed);
  const graph = karateClub();
  const model = new GAT(34, options.hidden, 2, options);
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr, weightDecay: 5e-4 });
  return Array.from({ length: options.epochs }, (_, epoch) => {
    const loss = trainStep(model, optimizer, graph);
    if (epoch % options.log === 0) {
      console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}, accuracy ${test(model, graph).toFixed(3)}`);
    }
    return loss;
  });
}

if (process.argv[1]?.endsWith("gat.ts")) main(process.argv.slice(2));
