/** Operations that are compared with those of PyTorch (peers/operations.py), with and without gradients. */
import { nn, noGrad, scope, type Tensor, tensor } from "wasmgrad";

const F = nn.functional;

/** A list of numbers in [0, 1], repeated: the inputs of an operation take them one after the other. */
class Numbers {
  readonly #data: Float32Array;
  #taken = 0;

  constructor(data: Float32Array) {
    this.#data = data;
  }

  /** The next numbers, scaled to [low, high]. */
  take(shape: readonly number[], low = 0, high = 1): Tensor {
    const size = shape.reduce((product, length) => product * length, 1);
    const next = Float32Array.from({ length: size }, (_, i) => this.#data[(this.#taken + i) % this.#data.length]);
    this.#taken += size;
    return scope(() =>
      tensor(next, { shape: [...shape] })
        .mul(high - low)
        .add(low),
    );
  }
}

interface Prepared {
  /** The tensors whose gradients are computed. */
  inputs: readonly Tensor[];
  run(): Tensor;
}

type Operation = (numbers: Numbers) => Prepared;

/** An operation on one tensor. */
const unary =
  (shape: readonly number[], run: (x: Tensor) => Tensor): Operation =>
  (numbers) => {
    const x = numbers.take(shape, -4, 4);
    return { inputs: [x], run: () => run(x) };
  };

/** A recurrent layer on x [steps,batch,inputSize], with weights in the range that they start in. */
const recurrent =
  (kind: "LSTM" | "GRU", steps: number, batch: number, inputSize: number, hiddenSize: number): Operation =>
  (numbers) => {
    const x = numbers.take([steps, batch, inputSize], -1, 1);
    const layer = new nn[kind](inputSize, hiddenSize);
    const bound = 1 / Math.sqrt(hiddenSize);
    noGrad(() => {
      for (const weight of layer.parameters()) weight.copy_(numbers.take(weight.shape, -bound, bound));
    });
    return { inputs: [x, ...layer.parameters()], run: () => (layer.forward(x) as [Tensor, unknown])[0] };
  };

/** Different whole numbers in any order, so that no order is ambiguous: powers of a primitive root. */
function distinct(shape: readonly number[]): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = new Float32Array(size);
  for (let i = 0, power = 1; i < size; i++, power = (power * 30006) % 100003) values[i] = power;
  return tensor(values, { shape: [...shape] });
}

const ordered =
  (shape: readonly number[], run: (x: Tensor) => Tensor): Operation =>
  () => {
    const x = distinct(shape);
    return { inputs: [x], run: () => run(x) };
  };

/** Affine maps near the identity. */
function affineMaps(numbers: Numbers, batch: number): Tensor {
  const base = tensor([0.9, 0.2, 0.1, -0.1, 1.1, 0.05]).reshape([2, 3]);
  return base.add(numbers.take([batch, 2, 3], 0, 0.1)).detach();
}

/** So small that the gradients of weights, sums over a whole sequence, are about 1: they are compared. */
const DY = 0.1;

/** The elements of a row, over which softmax and layerNorm run. */
const ROW = 512;
const ROWS = [384, ROW];

export const operations: Readonly<Record<string, Operation>> = {
  gelu: unary(ROWS, (x) => F.gelu(x)),
  softmax: unary(ROWS, (x) => F.softmax(x, 1)),
  layerNorm: unary(ROWS, (x) => F.layerNorm(x, [ROW])),
  // four heads of 32 features, sequences of 128, whose queries, keys and values are the same
  "causal attention": unary(ROWS, (x) => {
    const heads = x.mul(0.25).reshape([-1, 4, 128, 32]);
    return F.scaledDotProductAttention(heads, heads, heads, { isCausal: true }).reshape([-1, ROW]);
  }),
  "LSTM 200 to 200 (35 steps of 20)": recurrent("LSTM", 35, 20, 200, 200),
  "LSTM 28 to 64 (28 steps of 64)": recurrent("LSTM", 28, 64, 28, 64),
  "GRU 200 to 200 (35 steps of 20)": recurrent("GRU", 35, 20, 200, 200),
  "cumsum of 64x512": unary([64, 512], (x) => x.cumsum(1)),
  "cumsum of 1000000": unary([1000000], (x) => x.cumsum(0)),
  "topk 5 of 256x1000": ordered([256, 1000], (x) => x.topk(5).values),
  "topk 500 of 256x1000": ordered([256, 1000], (x) => x.topk(500).values),
  "sort of 100000": ordered([100000], (x) => x.sort().values),
  "indexAdd of 10000x64 to 2000x64": (numbers) => {
    const inputs = [numbers.take([2000, 64], -1, 1), numbers.take([10000, 64], -1, 1)];
    const index = numbers.take([10000], 0, 2000).int();
    return { inputs, run: () => inputs[0].indexAdd(0, index, inputs[1]) };
  },
  "maskedSelect of 100000": (numbers) => {
    const x = numbers.take([100000], -1, 1);
    const mask = numbers.take([100000]).gt(0.5);
    return { inputs: [x], run: () => x.maskedSelect(mask) };
  },
  "gridSample and affineGrid of 8x3x32x32": (numbers) => {
    const shape = [8, 3, 32, 32];
    const inputs = [numbers.take(shape, -0.1, 0.1), affineMaps(numbers, 8)];
    return { inputs, run: () => F.gridSample(inputs[0], F.affineGrid(inputs[1], shape)) };
  },
  "gridSample of 8x16x64x64": (numbers) => {
    const shape = [8, 16, 64, 64];
    const inputs = [numbers.take(shape, -0.02, 0.02), F.affineGrid(affineMaps(numbers, 8), shape)];
    return { inputs, run: () => F.gridSample(inputs[0], inputs[1]) };
  },
};

/**
 * Prepares an operation on numbers of the images. `check` returns its result and the gradients of its inputs,
 * given the mask's numbers (0 and 1) times DY as the gradient of the result; `step` is what is timed.
 */
export function prepareOperation(name: string, gradients: boolean, images: Float32Array, mask: Float32Array) {
  const { inputs, run } = operations[name](new Numbers(images));
  if (!gradients) return { check: () => [...run().data()], step: () => void scope(() => void noGrad(run)) };
  for (const input of inputs) input.requiresGrad = true;
  const dy = new Numbers(mask).take(run().shape, 0, DY);
  const step = () => {
    for (const input of inputs) input.grad = null;
    const y = run();
    y.backward(dy);
    return [y, ...inputs.map((input) => input.grad!)];
  };
  return {
    check: () => step().flatMap((values) => [...values.data()]),
    step: () => void scope(() => void step()),
  };
}
