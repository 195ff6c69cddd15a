/**
 * Models that are exported, imported, and compared on batches of other sizes: also their names and gradients.
 */
import { describe, expect, it } from "vitest";
import { manualSeed, nn, noGrad, randint, randn, type Tensor, tensor } from "wasmgrad";
import { exportOnnx, importOnnx } from "wasmgrad/onnx";

/** Token numbers to scores: an embedding, attention with a causal mask, a norm, and linear layers. */
class Language extends nn.Module {
  token = new nn.Embedding(11, 8);
  layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
  head = new nn.Linear(8, 11);
  forward(tokens: Tensor): Tensor {
    return this.head.forward(this.layer.forward(this.token.forward(tokens), { isCausal: true }));
  }
}

/** The outputs of a recurrent layer at the last step. */
class Last extends nn.Module {
  layer: nn.LSTM | nn.GRU | nn.RNN;
  constructor(layer: nn.LSTM | nn.GRU | nn.RNN) {
    super();
    this.layer = layer;
  }
  forward(x: Tensor): Tensor {
    return this.layer.forward(x)[0].select(1, -1);
  }
}

const images = (batch: number) => randn([batch, 3, 8, 8]);
const sequence = (batch: number) => randn([batch, 5, 6]);
const options = { bidirectional: true, batchFirst: true };

manualSeed(4);
const MODELS: Record<string, [model: nn.Module, input: (batch: number) => Tensor]> = {
  convolutions: [
    new nn.Sequential(
      new nn.Conv2d(3, 16, { kernelSize: 3, padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.BatchNorm2d(16),
      new nn.ConvTranspose2d(16, 4, { kernelSize: 2, stride: 2 }),
      new nn.GroupNorm(2, 4),
      new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }),
      new nn.SiLU(),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
      new nn.Linear(4, 3),
    ),
    images,
  ],
  language: [new Language(), (batch) => randint(0, 11, [batch, 7])],
  LSTM: [new Last(new nn.LSTM(6, 4, options)), sequence],
  GRU: [new Last(new nn.GRU(6, 4, options)), sequence],
  RNN: [new Last(new nn.RNN(6, 4, options)), sequence],
};

/** The largest difference over the largest element. */
const difference = (a: Tensor, b: Tensor) => a.sub(b).abs().max().item() / Math.max(b.abs().max().item(), 1e-4);

/** Learned scalars, a table that does not train, and a vector in the formula. */
class Scaled extends nn.Module {
  scale = new nn.Parameter(tensor(0.5));
  shift = new nn.Parameter(tensor([2]));
  steps: Tensor = this.registerBuffer("steps", tensor([1, 2, 3]));
  forward(x: Tensor): Tensor {
    return x
      .mul(this.scale)
      .add(this.shift)
      .add(this.steps)
      .mul(tensor([3, 2, 1]));
  }
}

describe("export and import", () => {
  it("parameters stay parameters, buffers buffers, and constants constants", async () => {
    const model = new Scaled().eval();
    const again = await importOnnx(exportOnnx(model, [randn([2, 3])]));
    expect(again.namedParameters().map(([name]) => name)).toEqual(["scale", "shift"]);
    expect(again.namedBuffers().map(([name]) => name)).toEqual(["steps"]);
    const x = randn([4, 3]);
    for (const each of [model, again]) each.forward(x).square().sum().backward();
    const gradients = [model, again].map((each) => each.parameters().map(({ grad }) => grad?.flatten().toArray()));
    expect(gradients[0]).toEqual(gradients[1]);
    // without the module, what is a buffer is not known: its role follows from the graph
    const f = exportOnnx((input: Tensor) => model.forward(input), [x], { state: model.stateDict() });
    expect((await importOnnx(f)).namedParameters().map(([name]) => name)).toEqual(["steps"]);
  });

  it.each(Object.entries(MODELS))("%s", async (_name, [model, input]) => {
    model.eval();
    const imported = await importOnnx(exportOnnx(model, [input(2)]));
    imported.eval();
    const x = input(5);
    const [expected, actual] = noGrad(() => [model.forward(x), imported.forward(x) as Tensor]);
    expect(difference(actual, expected)).toBeLessThan(1e-6);
    // the same names, and the same gradients under them
    const parameters = Object.fromEntries(model.namedParameters());
    const others = Object.fromEntries(imported.namedParameters());
    expect(Object.keys(others).sort()).toEqual(Object.keys(parameters).sort());
    model.forward(x).square().mean().backward();
    (imported.forward(x) as Tensor).square().mean().backward();
    for (const [name, parameter] of Object.entries(parameters)) {
      expect(difference(others[name].grad as Tensor, parameter.grad as Tensor)).toBeLessThan(1e-4);
    }
  });
});
