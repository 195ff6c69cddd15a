/** Every layer of nn, exported with one batch and run in onnxruntime with others. */
import { describe, expect, it } from "vitest";
import { manualSeed, nn, noGrad, rand, randint, randn, type Tensor } from "wasmgrad";
import { exportOnnx } from "../../../src/onnx/export/index.ts";
import { relativeError, runOnnx } from "../../support/onnxruntime.ts";

type Inputs = (batch: number) => Tensor[];

const features: Inputs = (n) => [randn([n, 6])];
const signal: Inputs = (n) => [randn([n, 4, 9])];
const images: Inputs = (n) => [randn([n, 4, 8, 9])];
const volumes: Inputs = (n) => [randn([n, 4, 5, 6, 7])];
const sequence: Inputs = (n) => [randn([n, 5, 8])];
const pair: Inputs = (n) => [randn([n, 6]), randn([n, 6])];
const probabilities: Inputs = (n) => [rand([n, 6]), rand([n, 6])];
const signs = (shape: number[]) => randint(0, 2, shape).mul(2).sub(1);
const classes: Inputs = (n) => [randn([n, 6]), randint(0, 6, [n])];

/** The layers whose functions are the same but for the dimensions of their input. */
function padding(name: string, make: (dims: 1 | 2 | 3) => nn.Module): Record<string, [nn.Module, Inputs]> {
  return {
    [`${name}1d`]: [make(1), signal],
    [`${name}2d`]: [make(2), images],
    [`${name}3d`]: [make(3), volumes],
  };
}

const square = (a: number) => ({ kernelSize: 3, stride: a, padding: 1 });

manualSeed(3);
const LAYERS: Record<string, [layer: nn.Module, inputs: Inputs]> = {
  AdaptiveAvgPool1d: [new nn.AdaptiveAvgPool1d(4), signal],
  AdaptiveAvgPool2d: [new nn.AdaptiveAvgPool2d([3, 5]), images],
  AdaptiveMaxPool1d: [new nn.AdaptiveMaxPool1d(4), signal],
  AdaptiveMaxPool2d: [new nn.AdaptiveMaxPool2d([3, 5]), images],
  AlphaDropout: [new nn.AlphaDropout(), features],
  AvgPool1d: [new nn.AvgPool1d(3, { padding: 1 }), signal],
  AvgPool2d: [new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }), images],
  AvgPool3d: [new nn.AvgPool3d(2), volumes],
  BCELoss: [new nn.BCELoss(), probabilities],
  BCEWithLogitsLoss: [new nn.BCEWithLogitsLoss(), probabilities],
  BatchNorm1d: [new nn.BatchNorm1d(6), features],
  BatchNorm2d: [new nn.BatchNorm2d(4, { trackRunningStats: false }), images],
  BatchNorm3d: [new nn.BatchNorm3d(4), volumes],
  Bilinear: [new nn.Bilinear(6, 6, 3), pair],
  CELU: [new nn.CELU({ alpha: 0.5 }), features],
  ChannelShuffle: [new nn.ChannelShuffle(2), images],
  Conv1d: [new nn.Conv1d(4, 6, square(2)), signal],
  Conv2d: [new nn.Conv2d(4, 6, { ...square(1), groups: 2, dilation: 2 }), images],
  Conv3d: [new nn.Conv3d(4, 6, square(2)), volumes],
  ConvTranspose1d: [new nn.ConvTranspose1d(4, 6, square(2)), signal],
  ConvTranspose2d: [new nn.ConvTranspose2d(4, 6, { ...square(2), outputPadding: 1 }), images],
  ConvTranspose3d: [new nn.ConvTranspose3d(4, 6, square(2)), volumes],
  CosineEmbeddingLoss: [new nn.CosineEmbeddingLoss(), (n) => [randn([n, 6]), randn([n, 6]), signs([n])]],
  CosineSimilarity: [new nn.CosineSimilarity(), pair],
  CrossEntropyLoss: [new nn.CrossEntropyLoss(), classes],
  Dropout: [new nn.Dropout(), features],
  Dropout1d: [new nn.Dropout1d(), signal],
  Dropout2d: [new nn.Dropout2d(), images],
  ELU: [new nn.ELU({ alpha: 0.7 }), features],
  Embedding: [new nn.Embedding(7, 3), (n) => [randint(0, 7, [n, 4])]],
  EmbeddingBag: [new nn.EmbeddingBag(7, 3), (n) => [randint(0, 7, [n, 4])]],
  Flatten: [new nn.Flatten(), images],
  Fold: [new nn.Fold([4, 5], 2), (n) => [randn([n, 12, 12])]],
  GELU: [new nn.GELU(), features],
  GLU: [new nn.GLU(), features],
  GRU: [new nn.GRU(8, 5, { batchFirst: true }), sequence],
  GRUCell: [new nn.GRUCell(6, 5), features],
  GaussianNLLLoss: [new nn.GaussianNLLLoss(), (n) => [...pair(n), rand([n, 6]).add(0.1)]],
  GroupNorm: [new nn.GroupNorm(2, 4), images],
  Hardsigmoid: [new nn.Hardsigmoid(), features],
  Hardswish: [new nn.Hardswish(), features],
  Hardtanh: [new nn.Hardtanh(), features],
  HingeEmbeddingLoss: [new nn.HingeEmbeddingLoss(), (n) => [randn([n, 6]), signs([n, 6])]],
  HuberLoss: [new nn.HuberLoss(), pair],
  Identity: [new nn.Identity(), features],
  InstanceNorm1d: [new nn.InstanceNorm1d(4), signal],
  InstanceNorm2d: [new nn.InstanceNorm2d(4, { affine: true }), images],
  InstanceNorm3d: [new nn.InstanceNorm3d(4), volumes],
  KLDivLoss: [new nn.KLDivLoss({ reduction: "batchmean" }), probabilities],
  L1Loss: [new nn.L1Loss(), pair],
  LPPool2d: [new nn.LPPool2d(2, 3), images],
  LSTM: [new nn.LSTM(8, 5, { batchFirst: true }), sequence],
  LSTMCell: [new nn.LSTMCell(6, 5), features],
  LayerNorm: [new nn.LayerNorm([8, 9]), images],
  LeakyReLU: [new nn.LeakyReLU({ negativeSlope: 0.2 }), features],
  Linear: [new nn.Linear(8, 3), sequence],
  LocalResponseNorm: [new nn.LocalResponseNorm(3), images],
  LogSigmoid: [new nn.LogSigmoid(), features],
  LogSoftmax: [new nn.LogSoftmax(1), features],
  MSELoss: [new nn.MSELoss(), pair],
  MarginRankingLoss: [new nn.MarginRankingLoss(), (n) => [randn([n]), randn([n]), signs([n])]],
  MaxPool1d: [new nn.MaxPool1d(3), signal],
  MaxPool2d: [new nn.MaxPool2d(3, { stride: 2, padding: 1, ceilMode: true }), images],
  MaxPool3d: [new nn.MaxPool3d(2), volumes],
  MaxUnpool2d: [
    new nn.MaxUnpool2d(2),
    (n) => [randn([n, 2, 2, 2]), randint(0, 4, [n, 2, 1, 1]).add(0).expand([n, 2, 2, 2])],
  ],
  Mish: [new nn.Mish(), features],
  MultiLabelSoftMarginLoss: [new nn.MultiLabelSoftMarginLoss(), probabilities],
  MultiMarginLoss: [new nn.MultiMarginLoss(), classes],
  MultiheadAttention: [
    new nn.MultiheadAttention(8, 2, { batchFirst: true }),
    (n) => {
      const [x] = sequence(n);
      return [x, x.mul(2), x.add(1)];
    },
  ],
  NLLLoss: [new nn.NLLLoss(), classes],
  ...padding("CircularPad", (d) =>
    d === 1 ? new nn.CircularPad1d(2) : d === 2 ? new nn.CircularPad2d(2) : new nn.CircularPad3d(2),
  ),
  ...padding("ConstantPad", (d) =>
    d === 1 ? new nn.ConstantPad1d(2, 3) : d === 2 ? new nn.ConstantPad2d(2, 3) : new nn.ConstantPad3d(2, 3),
  ),
  ...padding("ReflectionPad", (d) =>
    d === 1 ? new nn.ReflectionPad1d(2) : d === 2 ? new nn.ReflectionPad2d(2) : new nn.ReflectionPad3d(2),
  ),
  ...padding("ReplicationPad", (d) =>
    d === 1 ? new nn.ReplicationPad1d(2) : d === 2 ? new nn.ReplicationPad2d(2) : new nn.ReplicationPad3d(2),
  ),
  ...padding("ZeroPad", (d) => (d === 1 ? new nn.ZeroPad1d(2) : d === 2 ? new nn.ZeroPad2d(2) : new nn.ZeroPad3d(2))),
  PReLU: [new nn.PReLU({ numParameters: 4 }), images],
  PairwiseDistance: [new nn.PairwiseDistance(), pair],
  PixelShuffle: [new nn.PixelShuffle(2), images],
  PixelUnshuffle: [new nn.PixelUnshuffle(2), (n) => [randn([n, 4, 8, 6])]],
  PoissonNLLLoss: [new nn.PoissonNLLLoss(), probabilities],
  RMSNorm: [new nn.RMSNorm([9]), images],
  RNN: [new nn.RNN(8, 5, { batchFirst: true }), sequence],
  RNNCell: [new nn.RNNCell(6, 5), features],
  ReLU: [new nn.ReLU(), features],
  ReLU6: [new nn.ReLU6(), features],
  SELU: [new nn.SELU(), features],
  SiLU: [new nn.SiLU(), features],
  Sigmoid: [new nn.Sigmoid(), features],
  SmoothL1Loss: [new nn.SmoothL1Loss(), pair],
  SoftMarginLoss: [new nn.SoftMarginLoss(), (n) => [randn([n, 6]), signs([n, 6])]],
  Softmax: [new nn.Softmax(1), features],
  Softmax2d: [new nn.Softmax2d(), images],
  Softplus: [new nn.Softplus({ beta: 2, threshold: 5 }), features],
  Softsign: [new nn.Softsign(), features],
  StochasticDepth: [new nn.StochasticDepth(0.5), features],
  Tanh: [new nn.Tanh(), features],
  Transformer: [
    new nn.Transformer({
      dModel: 8,
      nhead: 2,
      numEncoderLayers: 1,
      numDecoderLayers: 1,
      dimFeedforward: 12,
      batchFirst: true,
    }),
    (n) => [...sequence(n), randn([n, 3, 8])],
  ],
  TransformerEncoderLayer: [new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true }), sequence],
  TransformerDecoderLayer: [
    new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true }),
    (n) => [...sequence(n), randn([n, 3, 8])],
  ],
  TripletMarginLoss: [new nn.TripletMarginLoss(), (n) => [...pair(n), randn([n, 6])]],
  Unflatten: [new nn.Unflatten(1, [2, 3]), features],
  Unfold: [new nn.Unfold(2), images],
  Upsample: [new nn.Upsample({ size: [11, 13], mode: "bicubic" }), images],
};

/** Containers, and CTCLoss, whose steps depend on the lengths that it is given. */
const OTHERS = [
  "CTCLoss",
  "ModuleDict",
  "ModuleList",
  "ParameterDict",
  "ParameterList",
  "Sequential",
  "TransformerDecoder",
  "TransformerEncoder",
];

const tensorsOf = (value: unknown): Tensor[] => {
  if (value === null || typeof value !== "object") return [];
  return "dtype" in value ? [value as Tensor] : Object.values(value).flatMap(tensorsOf);
};

describe("layers", () => {
  it("are all listed", () => {
    const all = Object.entries(nn).filter(
      ([, value]) => typeof value === "function" && value.prototype instanceof nn.Module,
    );
    expect([...Object.keys(LAYERS), ...OTHERS].sort()).toEqual(all.map(([name]) => name).sort());
  });

  it.each(Object.entries(LAYERS))("%s", async (_name, [layer, inputs]) => {
    layer.eval();
    const examples = inputs(2);
    const inputNames = examples.map((_, i) => `x${i}`);
    const bytes = exportOnnx(layer, examples, { inputNames });
    for (const batch of [1, 3]) {
      const given = inputs(batch);
      const results = await runOnnx(bytes, Object.fromEntries(inputNames.map((name, i) => [name, given[i]])));
      const actual = Object.values(results);
      const expected = tensorsOf(noGrad(() => layer.forward(...given)));
      expect(actual.length).toBe(expected.length);
      expected.forEach((y, i) => {
        expect(relativeError(actual[i], y)).toBeLessThan(1e-6);
      });
    }
  });
});
