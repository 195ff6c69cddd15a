/** Sequences, volumes and various layers against PyTorch: see test/fixtures/breadth/gen_conv_pool.py. */
import { describe, expect, test } from "vitest";
import {
  DTypeError,
  getNumThreads,
  manualSeed,
  nn,
  OptionError,
  ones,
  rand,
  randn,
  ShapeError,
  setNumThreads,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { checkCase, readCases } from "../../support/pytorch_case.ts";

const F = nn.functional;
const cases = readCases("conv_pool");
const ran = new Set<string>();

function check(name: string, run: (inputs: Record<string, Tensor>) => Tensor, module?: nn.Module): void {
  test(name, () => {
    ran.add(name);
    checkCase(cases[name], run, { module });
  });
}
const layer = (name: string, module: nn.Module) => check(name, ({ x }) => module.forward(x), module);

describe("convolutions", () => {
  layer("conv1d", new nn.Conv1d(3, 5, { kernelSize: 3 }));
  const strided = { kernelSize: 3, stride: 2, padding: 3, dilation: 2, groups: 2, bias: false };
  layer("conv1d options", new nn.Conv1d(4, 6, strided));
  layer("conv1d same", new nn.Conv1d(2, 3, { kernelSize: 4, padding: "same" }));
  layer("convt1d", new nn.ConvTranspose1d(3, 5, { kernelSize: 3 }));
  const spread = { kernelSize: 3, stride: 3, padding: 1, outputPadding: 2, dilation: 2, groups: 2 };
  layer("convt1d options", new nn.ConvTranspose1d(4, 6, spread));
  layer("conv3d", new nn.Conv3d(2, 3, { kernelSize: 3 }));
  layer(
    "conv3d options",
    new nn.Conv3d(4, 2, {
      kernelSize: [2, 3, 1],
      stride: [2, 1, 2],
      padding: [1, 0, 1],
      dilation: [2, 1, 1],
      groups: 2,
      bias: false,
    }),
  );
  layer("conv3d single", new nn.Conv3d(2, 3, { kernelSize: 2, padding: 1 }));
  layer("convt3d", new nn.ConvTranspose3d(2, 3, { kernelSize: 2, stride: 2 }));
  layer(
    "convt3d options",
    new nn.ConvTranspose3d(2, 4, {
      kernelSize: [3, 2, 3],
      stride: [2, 1, 3],
      padding: [1, 0, 1],
      outputPadding: [1, 0, 2],
      groups: 2,
    }),
  );
  layer(
    "convt3d dilated",
    new nn.ConvTranspose3d(2, 1, {
      kernelSize: 3,
      stride: [3, 1, 1],
      padding: [0, 1, 0],
      outputPadding: [2, 0, 0],
      dilation: [2, 1, 1],
      bias: false,
    }),
  );

  test("bad arguments", () => {
    const any = (value: unknown) => value as never;
    expect(() => new nn.Conv1d(3, 4, any(3))).toThrow("Conv1d: options expected { kernelSize, ... }, got 3");
    expect(() => new nn.Conv1d(3, 4, { kernelSize: 3, groups: 2 })).toThrow(OptionError);
    expect(() => new nn.Conv1d(3, 4, { kernelSize: 3, padding: any("reflect") })).toThrow(OptionError);
    expect(() => new nn.ConvTranspose1d(3, 4, { kernelSize: 3, padding: any("same") })).toThrow(OptionError);
    expect(() => new nn.Conv3d(3, 4, { kernelSize: [1, 2] })).toThrow(OptionError);
    expect(() => new nn.Conv1d(3, 4, { kernelSize: 3 }).forward(zeros([1, 3, 4, 4]))).toThrow(ShapeError);
    expect(() => F.conv3d(zeros([1, 1, 2, 4, 4]), zeros([1, 1, 3, 1, 1]))).toThrow(ShapeError);
    expect(() => F.conv3d(zeros([4, 4]), zeros([1, 1, 3, 1, 1]))).toThrow(ShapeError);
    expect(() => F.convTranspose1d(zeros([1, 4]), zeros([1, 1, 2]), null, { stride: any("2") })).toThrow(OptionError);
  });

  test("initial weights lie within 1/√fanIn", () => {
    const conv = new nn.Conv3d(2, 64, { kernelSize: [2, 2, 2] });
    const most = conv.weight.abs().max().item();
    expect(most).toBeLessThanOrEqual(1 / 4);
    expect(most).toBeGreaterThan(0.9 / 4);
    expect(`${conv}`).toContain("Conv3d(2, 64, kernelSize=(2, 2, 2)");
  });
});

describe("pools", () => {
  check("max_pool1d", ({ x }) => new nn.MaxPool1d(3, { stride: 2, padding: 1 }).forward(x));
  check("max_pool1d options", ({ x }) => F.maxPool1d(x, 2, { stride: 3, dilation: 2, ceilMode: true }));
  check("avg_pool1d", ({ x }) => new nn.AvgPool1d(3).forward(x));
  check("avg_pool1d options", ({ x }) =>
    F.avgPool1d(x, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }),
  );
  const window = { stride: [1, 2, 2], padding: [1, 1, 0] };
  check("max_pool3d", ({ x }) => new nn.MaxPool3d(2).forward(x));
  check("max_pool3d options", ({ x }) => F.maxPool3d(x, [2, 3, 2], window));
  check("avg_pool3d", ({ x }) => new nn.AvgPool3d(2).forward(x));
  check("avg_pool3d options", ({ x }) => F.avgPool3d(x, [2, 3, 2], window));
  check("adaptive_avg_pool1d", ({ x }) => new nn.AdaptiveAvgPool1d(4).forward(x));
  check("adaptive_max_pool1d", ({ x }) => new nn.AdaptiveMaxPool1d(4).forward(x));
  check("adaptive_max_pool2d", ({ x }) => new nn.AdaptiveMaxPool2d([3, 4]).forward(x));
  check("adaptive_max_pool2d null", ({ x }) => F.adaptiveMaxPool2d(x, [null, 2]));
  check("lp_pool2d", ({ x }) => new nn.LPPool2d(3, [2, 3], { stride: 2 }).forward(x));

  check("max_unpool2d", ({ x, indices }) => new nn.MaxUnpool2d(2).forward(x, indices));
  check("max_unpool2d strides", ({ x, indices }) =>
    new nn.MaxUnpool2d([3, 2], { stride: [2, 3], padding: [1, 0] }).forward(x, indices),
  );
  check("max_unpool2d size", ({ x, indices }) =>
    new nn.MaxUnpool2d(2, { stride: 2 }).forward(x, indices, { outputSize: [2, 3, 7, 9] }),
  );
  check("max_unpool2d overlap", ({ x, indices }) => F.maxUnpool2d(x, indices, 3, { stride: 1 }));

  test("maxUnpool2d refuses what does not fit", () => {
    const x = zeros([1, 1, 2, 2]);
    const index = zeros([1, 1, 2, 2], { dtype: "int32" });
    expect(F.maxUnpool2d(x, index, 2, { outputSize: [5, 4] }).shape).toEqual([1, 1, 5, 4]);
    for (const outputSize of [[6, 4], [4], [1, 1, 4, 4.5], 4]) {
      expect(() => F.maxUnpool2d(x, index, 2, { outputSize: outputSize as number[] })).toThrow(OptionError);
    }
    expect(() => F.maxUnpool2d(x, index.add(16), 2)).toThrow(OptionError);
    expect(() => F.maxUnpool2d(x, index.reshape([1, 1, 4, 1]), 2)).toThrow(ShapeError);
    expect(() => F.maxUnpool2d(x.reshape([4]), index.reshape([4]), 2)).toThrow(ShapeError);
    expect(() => F.maxUnpool2d(x, index, 2, { padding: 3 })).toThrow(ShapeError);
    expect(() => new nn.MaxUnpool2d(0)).toThrow(OptionError);
  });

  test("bad arguments", () => {
    expect(() => F.maxPool1d(zeros([4]), 2)).toThrow(ShapeError);
    expect(() => new nn.MaxPool1d(0)).toThrow(OptionError);
    expect(() => new nn.AvgPool3d([1, 2])).toThrow(OptionError);
    expect(() => F.avgPool3d(zeros([4, 4]), 2)).toThrow(ShapeError);
    expect(() => new nn.AdaptiveMaxPool2d(0)).toThrow(OptionError);
    expect(() => new nn.LPPool2d(0, 2)).toThrow(OptionError);
  });
});

describe("various layers", () => {
  const bilinear = new nn.Bilinear(3, 4, 5);
  check("bilinear", ({ a, b }) => bilinear.forward(a, b), bilinear);
  for (const mode of ["mean", "sum", "max"] as const) {
    const bag = new nn.EmbeddingBag(6, 3, { mode });
    check(`bag ${mode}`, ({ index }) => bag.forward(index), bag);
    const padded = new nn.EmbeddingBag(6, 3, { mode, paddingIdx: 2 });
    check(`bag ${mode} padding`, ({ index }) => padded.forward(index), padded);
  }
  const weighted = new nn.EmbeddingBag(6, 3, { mode: "sum" });
  check("bag weighted", ({ index, w }) => weighted.forward(index, null, w), weighted);
  for (const mode of ["mean", "sum", "max"] as const) {
    const parts = new nn.EmbeddingBag(6, 3, { mode, paddingIdx: 2 });
    check(`bag ${mode} offsets`, ({ index, offsets }) => parts.forward(index, offsets), parts);
  }
  const ends = new nn.EmbeddingBag(6, 3, { mode: "sum", includeLastOffset: true });
  check("bag weighted offsets", ({ index, offsets, w }) => ends.forward(index, offsets, w), ends);

  test("a new EmbeddingBag has zeros at paddingIdx", () => {
    const sums = new nn.EmbeddingBag(4, 3, { paddingIdx: -2 }).weight.abs().sum(1).toArray() as number[];
    expect(sums.map((sum) => sum > 0)).toEqual([true, true, false, true]);
  });

  test("distances", () => {
    const [a, b] = [
      tensor([
        [3, 0],
        [1, 1],
      ]),
      tensor([
        [0, 4],
        [1, 0],
      ]),
    ];
    expect(new nn.PairwiseDistance({ p: 1 }).forward(a, b).toArray()).toEqual(
      F.pairwiseDistance(a, b, { p: 1 }).toArray(),
    );
    expect(new nn.CosineSimilarity().forward(a, b).toArray()).toEqual(F.cosineSimilarity(a, b).toArray());
  });

  test("Dropout1d drops channels, StochasticDepth samples or the batch, both only in training", () => {
    const channels = new nn.Dropout1d(0.5)
      .forward(ones([20, 10, 3]))
      .sum(2)
      .data();
    expect(new Set(channels)).toEqual(new Set([0, 6]));
    const rows = new nn.StochasticDepth(0.5)
      .forward(ones([100, 2, 2]))
      .sum([1, 2])
      .data();
    expect(new Set(rows)).toEqual(new Set([0, 8]));
    const batch = new nn.StochasticDepth(0.5, "batch").forward(ones([100, 2])).data();
    expect(new Set(batch).size).toBe(1);
    for (const module of [new nn.Dropout1d(0.5), new nn.StochasticDepth(0.5), new nn.AlphaDropout(0.5)]) {
      expect(
        module
          .eval()
          .forward(ones([4, 2]))
          .toArray(),
      ).toEqual(ones([4, 2]).toArray());
    }
    expect(() => new nn.StochasticDepth(0.5, "rows" as never)).toThrow(OptionError);
    expect(() => new nn.Dropout1d().forward(ones([4]))).toThrow(ShapeError);
  });

  test("AlphaDropout keeps mean 0 and variance 1", () => {
    const x = zeros([200, 200]);
    nn.init.normal_(x);
    const y = new nn.AlphaDropout(0.3).forward(x);
    expect(Math.abs(y.mean().item())).toBeLessThan(0.03);
    expect(Math.abs(y.var().item() - 1)).toBeLessThan(0.05);
  });

  test("ParameterList and ParameterDict name their parameters", () => {
    const parameters = [new nn.Parameter(ones([2])), new nn.Parameter(ones([3]))];
    const list = new nn.ParameterList(parameters);
    expect([list.length, list.at(-1), [...list]]).toEqual([2, parameters[1], parameters]);
    expect(Object.keys(list.stateDict())).toEqual(["0", "1"]);
    const dict = new nn.ParameterDict({ a: parameters[0] });
    expect([dict.keys(), dict.get("a")]).toEqual([["a"], parameters[0]]);
    expect(() => dict.get("b")).toThrow('no parameter "b" (known: a)');
    expect(() => dict.set("training", parameters[1])).toThrow(OptionError);
    expect(() => list.append(ones([1]) as never)).toThrow(OptionError);
    expect(() => list.at(2)).toThrow(OptionError);
  });

  test("bad arguments", () => {
    expect(() => bilinear.forward(zeros([2, 3]), zeros([3, 4]))).toThrow(ShapeError);
    expect(() => weighted.forward(zeros([2, 3]))).toThrow(DTypeError);
    expect(() => weighted.forward(zeros([2], { dtype: "int32" }))).toThrow(ShapeError);
    const mean = new nn.EmbeddingBag(6, 3);
    const pairs = zeros([2, 2], { dtype: "int32" });
    expect(() => mean.forward(pairs, null, ones([2, 2]))).toThrow(OptionError);
    expect(() => weighted.forward(pairs, null, ones([2, 1]))).toThrow(ShapeError);
    const ints = (...values: number[]) => tensor(values, { dtype: "int32" });
    expect(() => mean.forward(pairs, ints(0))).toThrow(ShapeError);
    expect(() => mean.forward(ints(1, 2), tensor([0]))).toThrow(DTypeError);
    expect(() => mean.forward(ints(1, 2), ints(0).reshape([1, 1]))).toThrow(ShapeError);
    for (const offsets of [ints(1), ints(0, 2, 1), ints(0, 3), ints(0, -1)]) {
      expect(() => mean.forward(ints(1, 2), offsets)).toThrow(OptionError);
    }
    const closed = new nn.EmbeddingBag(6, 3, { includeLastOffset: true });
    expect(() => closed.forward(ints(1, 2), ints(0, 1))).toThrow(OptionError);
    expect(closed.forward(ints(1, 2), ints(0, 1, 2)).shape).toEqual([2, 3]);
    expect(mean.forward(ints(1).narrow(0, 0, 0), ints(0, 0)).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});

describe("sampling, and norms of weights", () => {
  for (const alignCorners of [false, true]) {
    const python = alignCorners ? "True" : "False";
    for (const mode of ["bilinear", "nearest", "bicubic"] as const) {
      for (const paddingMode of ["zeros", "border", "reflection"] as const) {
        const options = { mode, paddingMode, alignCorners };
        check(`grid ${mode} ${paddingMode} ${python}`, ({ x, grid }) => F.gridSample(x, grid, options));
        if (mode === "bicubic") continue;
        check(`volume ${mode} ${paddingMode} ${python}`, ({ x, grid }) => F.gridSample(x, grid, options));
      }
    }
    check(`affine ${python}`, ({ theta }) => F.affineGrid(theta, [2, 3, 4, 5], { alignCorners }));
    check(`affine volume ${python}`, ({ theta }) => F.affineGrid(theta, [2, 3, 2, 4, 5], { alignCorners }));
  }

  test.each([{ mode: "bilinear" }, { mode: "bicubic" }, { mode: "bilinear", paddingMode: "reflection" }] as const)(
    "%o: the bits do not depend on the number of threads",
    (options) => {
      manualSeed(1);
      const x = randn([2, 5, 33, 31], { requiresGrad: true });
      const grid = rand([2, 40, 45, 2]).mul(2.4).sub(1.2).detach();
      grid.requiresGrad = true;
      const before = getNumThreads();
      const bits = (threads: number) => {
        setNumThreads(threads);
        try {
          x.grad = grid.grad = null;
          const y = F.gridSample(x, grid, options);
          y.square().sum().backward();
          return [y, x.grad!, grid.grad!].map((values: Tensor) => [...values.data()]);
        } finally {
          setNumThreads(before);
        }
      };
      expect(bits(3)).toEqual(bits(1));
    },
  );

  layer("weight norm", nn.utils.weightNorm(new nn.Linear(4, 3)));
  layer("weight norm 1", nn.utils.weightNorm(new nn.ConvTranspose1d(4, 3, { kernelSize: 2 }), { dim: 1 }));
  layer("spectral norm", nn.utils.spectralNorm(new nn.Conv2d(2, 3, { kernelSize: 2 })).eval());
  const { parametrizations } = nn.utils;
  const grouped = new nn.Conv1d(4, 6, { kernelSize: 3, groups: 2 });
  layer("weight norm parametrization", parametrizations.weightNorm(grouped, { dim: 2 }));
  layer("spectral norm parametrization", parametrizations.spectralNorm(new nn.Linear(4, 3)).eval());

  test("spectralNorm makes the largest singular value 1, and trains", () => {
    const linear = nn.utils.spectralNorm(new nn.Linear(6, 5, { bias: false }), { nPowerIterations: 3 });
    for (let i = 0; i < 10; i++) linear.forward(ones([2, 6]));
    const { weight_orig: weight, weight_u: u, weight_v: v } = linear.stateDict();
    const sigma = u.matmul(weight.matmul(v)).item();
    let x = ones([6]);
    for (let i = 0; i < 200; i++) x = F.normalize(weight.t().matmul(weight.matmul(x)), { dim: 0 });
    expect(sigma).toBeCloseTo(Math.sqrt(weight.matmul(x).square().sum().item()), 4);
    linear
      .forward(ones([2, 6]))
      .sum()
      .backward();
    expect(linear.parameters().map(({ shape, grad }) => [[...shape], grad !== null])).toEqual([[[5, 6], true]]);
  });

  test("weightNorm keeps the weight as it was, and in a Sequential too", () => {
    const plain = new nn.Conv2d(2, 3, { kernelSize: 3 });
    const x = ones([1, 2, 5, 5]);
    const before = plain.forward(x).relu().toArray();
    const net = new nn.Sequential(nn.utils.weightNorm(plain), new nn.ReLU());
    (net.forward(x).toArray() as number[][][][]).flat(3).forEach((value, i) => {
      expect(value).toBeCloseTo((before as number[][][][]).flat(3)[i], 5);
    });
    expect(Object.keys(net.stateDict())).toEqual(["0.bias", "0.weight_g", "0.weight_v"]);
    expect(() => nn.utils.weightNorm(plain)).toThrow(OptionError);
    expect(() => nn.utils.spectralNorm(new nn.Linear(2, 2), { name: "bias" })).toThrow(ShapeError);
  });

  test("bad arguments", () => {
    expect(() => F.gridSample(zeros([1, 1, 2, 2]), zeros([2, 1, 1, 2]))).toThrow(ShapeError);
    expect(() => F.gridSample(zeros([1, 1, 2, 2]), zeros([1, 1, 1, 1, 3]))).toThrow(ShapeError);
    expect(() => F.gridSample(zeros([1, 1, 2, 2]), zeros([1, 1, 1, 2]), { mode: "cubic" as never })).toThrow(
      OptionError,
    );
    expect(() => F.gridSample(zeros([1, 1, 2, 2, 2]), zeros([1, 1, 1, 1, 3]), { mode: "bicubic" })).toThrow(
      OptionError,
    );
    expect(() => F.affineGrid(zeros([1, 2, 2]), [1, 1, 2, 2])).toThrow(ShapeError);
    expect(() => F.affineGrid(zeros([1, 2, 3]), [1, 2, 2])).toThrow(OptionError);
  });
});

describe("initialisation", () => {
  test("truncNormal_ has the distribution of a normal one between its bounds", () => {
    const x = zeros([200, 250]);
    nn.init.truncNormal_(x, { mean: 1, std: 2, a: -1, b: 2 });
    const values = [...x.data()];
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...values)).toBeLessThanOrEqual(2);
    // Φ between (-1 - 1) / 2 and (2 - 1) / 2: mean 1 + 2 (φ(-1) - φ(0.5)) / (Φ(0.5) - Φ(-1))
    const [phi1, phi2, share] = [0.24197072, 0.35206533, 0.69146246 - 0.15865525];
    expect(x.mean().item()).toBeCloseTo(1 + (2 * (phi1 - phi2)) / share, 1);
    const below = values.filter((v) => v < 1).length / values.length;
    expect(below).toBeCloseTo((0.5 - 0.15865525) / share, 1);
    expect(() => nn.init.truncNormal_(x, { a: 2, b: 1 })).toThrow(OptionError);
  });

  test.each([[[4, 7]], [[7, 4]], [[3, 2, 4]], [[5, 5]]])("orthogonal_ %j", (shape) => {
    const x = zeros(shape);
    nn.init.orthogonal_(x, 2);
    const matrix = x.reshape([shape[0], -1]);
    const [rows, columns] = matrix.shape;
    const product = rows <= columns ? matrix.matmul(matrix.t()) : matrix.t().matmul(matrix);
    const n = Math.min(rows, columns);
    product.data().forEach((v, i) => {
      expect(v).toBeCloseTo(i % (n + 1) === 0 ? 4 : 0, 5);
    });
    expect(() => nn.init.orthogonal_(zeros([3]))).toThrow(ShapeError);
  });

  test("dirac_ passes the input on, in groups too", () => {
    const x = zeros([4, 2, 3]);
    nn.init.dirac_(x, 2);
    const one = [0, 1, 0];
    const none = [0, 0, 0];
    expect(x.toArray()).toEqual([
      [one, none],
      [none, one],
      [one, none],
      [none, one],
    ]);
    expect(() => nn.init.dirac_(zeros([3, 3]))).toThrow(ShapeError);
  });
});

describe("utilities", () => {
  test("parametersToVector and vectorToParameters are inverse", () => {
    const [a, b] = [new nn.Linear(3, 2), new nn.Linear(3, 2)];
    const vector = nn.utils.parametersToVector(a.parameters());
    expect(vector.shape).toEqual([8]);
    nn.utils.vectorToParameters(vector, b.parameters());
    expect(b.weight.toArray()).toEqual(a.weight.toArray());
    expect(b.bias?.toArray()).toEqual(a.bias?.toArray());
    expect(() => nn.utils.vectorToParameters(zeros([7]), b.parameters())).toThrow(ShapeError);
    expect(() => nn.utils.parametersToVector([])).toThrow(OptionError);
  });

  test("padSequence", () => {
    const list = [
      tensor([[1, 2]]),
      tensor([
        [3, 4],
        [5, 6],
      ]),
    ];
    expect(nn.utils.padSequence(list).toArray()).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [0, 0],
        [5, 6],
      ],
    ]);
    const options = { batchFirst: true, paddingValue: -1, paddingSide: "left" } as const;
    expect(nn.utils.padSequence(list, options).toArray()).toEqual([
      [
        [-1, -1],
        [1, 2],
      ],
      [
        [3, 4],
        [5, 6],
      ],
    ]);
    expect(() => nn.utils.padSequence([zeros([2, 3]), zeros([2, 2])])).toThrow(ShapeError);
    expect(() => nn.utils.padSequence(list, { paddingSide: "up" as never })).toThrow(OptionError);
  });
});

test("every case is run", () => expect([...ran].sort()).toEqual(Object.keys(cases).sort()));
