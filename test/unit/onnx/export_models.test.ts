/** Models, exported and run in onnxruntime on batches of other sizes than those that were traced. */
import { describe, expect, it } from "vitest";
import { cat, einsum, manualSeed, nn, noGrad, ones, rand, randint, randn, type Tensor, where } from "wasmgrad";
import { exportOnnx } from "../../../src/onnx/export/index.ts";
import { relativeError, runOnnx } from "../../support/onnxruntime.ts";

const F = nn.functional;

// biome-ignore lint/suspicious/noExplicitAny: programs differ in their inputs
type Program = (...inputs: any[]) => unknown;

class Autoencoder extends nn.Module {
  encoder = new nn.Sequential(
    new nn.Conv2d(3, 16, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  decoder = new nn.Sequential(
    new nn.ConvTranspose2d(32, 16, { kernelSize: 2, stride: 2 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(16, 3, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(x));
  }
}

class ResidualBlock extends nn.Module {
  conv1: nn.Conv2d;
  norm1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  norm2: nn.BatchNorm2d;
  down: nn.Module;
  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inputs, outputs, { kernelSize: 3, stride, padding: 1, bias: false });
    this.norm1 = new nn.BatchNorm2d(outputs);
    this.conv2 = new nn.Conv2d(outputs, outputs, { kernelSize: 3, padding: 1, bias: false });
    this.norm2 = new nn.BatchNorm2d(outputs);
    this.down =
      stride === 1
        ? new nn.Identity()
        : new nn.Sequential(
            new nn.Conv2d(inputs, outputs, { kernelSize: 1, stride, bias: false }),
            new nn.BatchNorm2d(outputs),
          );
  }
  forward(x: Tensor): Tensor {
    const y = this.norm1.forward(this.conv1.forward(x)).relu();
    return this.norm2.forward(this.conv2.forward(y)).add(this.down.forward(x)).relu();
  }
}

class UNet extends nn.Module {
  down = new nn.Conv2d(3, 8, { kernelSize: 3, padding: 1 });
  deep = new nn.Conv2d(8, 16, { kernelSize: 3, padding: 1, stride: 2 });
  up = new nn.Upsample({ scaleFactor: 2, mode: "bilinear" });
  out = new nn.Conv2d(24, 2, { kernelSize: 3, padding: "same" });
  forward(x: Tensor): Tensor {
    const a = F.leakyRelu(this.down.forward(x));
    const b = F.silu(this.deep.forward(a));
    return this.out.forward(cat([a, this.up.forward(b)], 1));
  }
}

class GptBlock extends nn.Module {
  token = new nn.Embedding(65, 32);
  position = new nn.Parameter(randn([16, 32]).mul(0.02));
  norm1 = new nn.LayerNorm([32]);
  attention = new nn.MultiheadAttention(32, 4, { batchFirst: true });
  norm2 = new nn.LayerNorm([32]);
  hidden = new nn.Linear(32, 128);
  shrink = new nn.Linear(128, 32);
  head = new nn.Linear(32, 65, { bias: false });
  constructor() {
    super();
    this.head.weight = this.token.weight; // tied
  }
  forward(tokens: Tensor): Tensor {
    const x = this.token.forward(tokens).add(this.position);
    const h = this.norm1.forward(x);
    const mask = ones([16, 16]).tril().eq(0);
    const [a] = this.attention.forward(h, h, h, { attnMask: mask, needWeights: false });
    const y = x.add(a);
    return this.head.forward(y.add(this.shrink.forward(F.gelu(this.hidden.forward(this.norm2.forward(y))))));
  }
}

/** The last output of a recurrent layer, whose own initial state has the size of the batch. */
class Recurrent extends nn.Module {
  layer: nn.LSTM | nn.GRU | nn.RNN;
  head = new nn.Linear(20, 3);
  constructor(layer: nn.LSTM | nn.GRU | nn.RNN) {
    super();
    this.layer = layer;
  }
  forward(x: Tensor): unknown {
    const [output, state] = this.layer.forward(x);
    return { logits: this.head.forward(output.select(1, -1)), state };
  }
}

const images = (batch: number) => rand([batch, 3, 16, 16]);
const recurrent = (layer: nn.LSTM | nn.GRU | nn.RNN) => new Recurrent(layer);

const MODELS: Record<string, [model: () => nn.Module, input: (batch: number) => Tensor[]]> = {
  autoencoder: [() => new Autoencoder(), (batch) => [images(batch)]],
  "residual network": [
    () =>
      new nn.Sequential(
        new nn.Conv2d(3, 16, { kernelSize: 3, padding: 1 }),
        new nn.BatchNorm2d(16),
        new nn.ReLU(),
        new ResidualBlock(16, 16, 1),
        new ResidualBlock(16, 32, 2),
        new nn.AdaptiveAvgPool2d(1),
        new nn.Flatten(),
        new nn.Dropout(0.5),
        new nn.Linear(32, 10),
      ),
    (batch) => [images(batch)],
  ],
  "U-Net": [() => new UNet(), (batch) => [images(batch)]],
  "GPT block": [() => new GptBlock(), (batch) => [randint(0, 65, [batch, 16])]],
  LSTM: [
    () => recurrent(new nn.LSTM(6, 10, { numLayers: 2, bidirectional: true, batchFirst: true })),
    (batch) => [randn([batch, 7, 6])],
  ],
  GRU: [
    () => recurrent(new nn.GRU(6, 10, { numLayers: 2, bidirectional: true, batchFirst: true })),
    (batch) => [randn([batch, 7, 6])],
  ],
  RNN: [
    () => recurrent(new nn.RNN(6, 20, { nonlinearity: "relu", batchFirst: true })),
    (batch) => [randn([batch, 7, 6])],
  ],
  "transformer encoder": [
    () =>
      new nn.TransformerEncoder(
        () => new nn.TransformerEncoderLayer(16, 2, { dimFeedforward: 32, batchFirst: true }),
        2,
      ),
    (batch) => [randn([batch, 5, 16])],
  ],
};

/** Exports with one batch, and compares all outputs for other batches. */
async function differenceOf(
  model: nn.Module | Program,
  input: (batch: number) => Tensor[],
  options = {},
): Promise<number> {
  const examples = input(2);
  const inputNames = examples.map((_, i) => `x${i}`);
  const bytes = exportOnnx(model, examples, { inputNames, ...options });
  let worst = 0;
  for (const batch of [1, 5]) {
    const inputs = input(batch);
    const results = await runOnnx(bytes, Object.fromEntries(inputNames.map((name, i) => [name, inputs[i]])));
    const expected = tensorsOf(
      noGrad(() => (model instanceof nn.Module ? model.forward(...inputs) : model(...inputs))),
    );
    const actual = Object.values(results);
    expect(actual.length).toBe(expected.length);
    expected.forEach((y, i) => {
      worst = Math.max(worst, relativeError(actual[i], y));
    });
  }
  return worst;
}

function tensorsOf(value: unknown): Tensor[] {
  const isTensor = (value as Tensor).dtype !== undefined;
  return isTensor ? [value as Tensor] : Object.values(value as object).flatMap(tensorsOf);
}

describe("models", () => {
  for (const [name, [make, input]] of Object.entries(MODELS)) {
    it(name, async () => {
      manualSeed(1);
      const model = make();
      if (name === "residual network") for (let i = 0; i < 3; i++) noGrad(() => model.forward(images(8)));
      model.eval();
      expect(await differenceOf(model, input)).toBeLessThan(1e-6);
    });
  }

  it.each([13, 17, 18, 21, 23])("opset %d", async (opset) => {
    for (const name of ["GPT block", "residual network", "LSTM"]) {
      const [make, input] = MODELS[name];
      expect(await differenceOf(make().eval(), input, { opset })).toBeLessThan(2e-6);
    }
  });
});

class Both extends nn.Module {
  layer = new nn.LSTM(6, 4, { numLayers: 2, bidirectional: true });
  forward(x: Tensor, hidden: Tensor, cell: Tensor): unknown {
    return this.layer.forward(x, [hidden, cell]);
  }
}

/** A layer twice, and its weights transposed. */
class Tied extends nn.Module {
  encode = new nn.Linear(6, 4);
  inner = new nn.Linear(4, 4);
  again = this.inner;
  forward(x: Tensor): Tensor {
    const hidden = this.again.forward(this.inner.forward(this.encode.forward(x)).relu());
    return F.linear(hidden, this.encode.weight.transpose(0, 1));
  }
}

class Padded extends nn.Module {
  token = new nn.Embedding(9, 8, { paddingIdx: 0 });
  attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
  forward(tokens: Tensor, isPadding: Tensor): unknown {
    const x = this.token.forward(tokens);
    const [y, weights] = this.attention.forward(x, x, x, { keyPaddingMask: isPadding });
    return { y: y.maskedFill(isPadding.unsqueeze(-1), 0), weights };
  }
}

const padding = (batch: number) => cat([ones([batch, 3]).mul(0), ones([batch, 2])], 1).bool();

/** Functions and models of several inputs or outputs, for which dimensions of the batch may be given. */
const PROGRAMS: Record<
  string,
  [model: () => nn.Module | Program, input: (batch: number) => Tensor[], options?: object]
> = {
  "states of two layers in both directions, time first": [
    () => new Both(),
    (batch) => [randn([5, batch, 6]), randn([4, batch, 4]), randn([4, batch, 4])],
    { batchDims: [1, 1, 1] },
  ],
  "tied weights": [() => new Tied(), (batch) => [randn([batch, 6])]],
  "a mask of padding": [() => new Padded(), (batch) => [randint(0, 9, [batch, 5]), padding(batch)]],
  "one result as several outputs": [
    () => (x: Tensor) => {
      const y = x.relu();
      return { first: y, inner: [y, x, y.neg()], last: y };
    },
    (batch) => [randn([batch, 6])],
  ],
  "a batch that is doubled, merged and split": [
    () => (x: Tensor) => {
      const pairs = cat([x, x.flip(1)], 0).reshape([-1, 3, 2]);
      return pairs.matmul(pairs.transpose(1, 2)).reshape([2, x.shape[0], 9]).sum(0);
    },
    (batch) => [randn([batch, 6])],
  ],
  "indices, sorting and sums": [
    () => (x: Tensor, index: Tensor) => {
      const { values, indices } = x.topk(3, 1);
      return [einsum("bi,bj->bij", values, x.cumsum(1)), indices, x.gather(1, index), where(x.gt(0), x, x.mul(0.1))];
    },
    (batch) => [randn([batch, 6]), randint(0, 6, [batch, 2])],
  ],
  "statistics of the batch": [
    () => (x: Tensor) => x.sub(x.mean(0)).div(x.std(0).add(1)).mul(x.shape[0]),
    (batch) => [randn([batch + 1, 6])],
  ],
};

describe("programs", () => {
  it.each(Object.entries(PROGRAMS))("%s", async (_name, [make, input, options]) => {
    manualSeed(2);
    const made = make();
    if (made instanceof nn.Module) made.eval();
    expect(await differenceOf(made, input, options)).toBeLessThan(1e-6);
  });
});
