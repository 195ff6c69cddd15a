/** Modules: how state is found, named, loaded and printed, and the initial weights of layers. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  DTypeError,
  manualSeed,
  nn,
  OptionError,
  ones,
  ShapeError,
  StateDictError,
  type Tensor,
  tensor,
  WasmgradError,
  zeros,
} from "wasmgrad";

class InpaintingAutoencoder extends nn.Module {
  encoder = new nn.Sequential(
    new nn.Conv2d(3, 64, { kernelSize: 3, stride: 1, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(64, 128, { kernelSize: 3, stride: 1, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
  );
  decoder = new nn.Sequential(
    new nn.ConvTranspose2d(128, 64, { kernelSize: 2, stride: 2 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(64, 3, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );
  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(x));
  }
}

class Small extends nn.Module {
  gain = new nn.Parameter(tensor([1, 2]));
  hidden = new nn.Linear(2, 3);
  offset = this.registerBuffer("offset", tensor([5, 6, 7]));
  scratch = this.registerBuffer("scratch", tensor([0]), { persistent: false });
  out = new nn.Sequential(new nn.ReLU(), new nn.Linear(3, 1, { bias: false }));
  notState = tensor([1]);
  forward(x: Tensor): Tensor {
    return this.out.forward(this.hidden.forward(x.mul(this.gain)).add(this.offset));
  }
}

const shapes = (state: nn.StateDict) => Object.entries(state).map(([name, t]) => [name, [...t.shape]]);
const values = (state: nn.StateDict) => Object.entries(state).map(([name, t]) => [name, t.toArray()]);

describe("what a module finds in its fields", () => {
  test("the autoencoder's state has PyTorch's names, shapes and order", () => {
    expect(shapes(new InpaintingAutoencoder().stateDict())).toEqual([
      ["encoder.0.weight", [64, 3, 3, 3]],
      ["encoder.0.bias", [64]],
      ["encoder.3.weight", [128, 64, 3, 3]],
      ["encoder.3.bias", [128]],
      ["decoder.0.weight", [128, 64, 2, 2]],
      ["decoder.0.bias", [64]],
      ["decoder.2.weight", [64, 3, 2, 2]],
      ["decoder.2.bias", [3]],
    ]);
  });

  test("a module's own parameters and buffers are listed before its children's", () => {
    const net = new Small();
    const names = (entries: [string, unknown][]) => entries.map(([name]) => name);
    expect(names(net.namedParameters())).toEqual(["gain", "hidden.weight", "hidden.bias", "out.1.weight"]);
    expect(names(net.namedBuffers())).toEqual(["offset", "scratch"]);
    expect(names(net.namedChildren())).toEqual(["hidden", "out"]);
    expect(names(net.namedModules())).toEqual(["", "hidden", "out", "out.0", "out.1"]);
    expect(Object.keys(net.stateDict())).toEqual(["gain", "offset", "hidden.weight", "hidden.bias", "out.1.weight"]);
    expect(net.parameters()[0]).toBe(net.gain);
    expect(net.buffers()[0]).toBe(net.offset);
    expect(net.modules()[0]).toBe(net);
    expect(net.children()).toEqual([net.hidden, net.out]);
  });

  test("a shared parameter is listed once, but under each of its names in the state", () => {
    class Tied extends nn.Module {
      a = new nn.Linear(2, 2);
      b = this.a;
      c = new nn.Linear(2, 2, { bias: false });
      constructor() {
        super();
        this.c.weight = this.a.weight;
      }
      forward(x: Tensor): Tensor {
        return this.c.forward(this.a.forward(x));
      }
    }
    const net = new Tied();
    expect(net.namedParameters().map(([name]) => name)).toEqual(["a.weight", "a.bias"]);
    expect(net.namedModules().map(([name]) => name)).toEqual(["", "a", "c"]);
    expect(Object.keys(net.stateDict())).toEqual(["a.weight", "a.bias", "b.weight", "b.bias", "c.weight"]);
  });

  test("stateDict shares the module's memory and needs no gradient", () => {
    const net = new nn.Linear(2, 1);
    const { weight } = net.stateDict();
    net.weight.copy_(tensor([[3, 4]]));
    expect(weight.toArray()).toEqual([[3, 4]]);
    expect(weight.requiresGrad).toBe(false);
  });

  test("a null buffer is not in the state until it is set", () => {
    const net = new nn.ReLU();
    expect(net.registerBuffer("mean", null)).toBe(null);
    expect(Object.keys(net.stateDict())).toEqual([]);
    (net as unknown as { mean: Tensor }).mean = tensor([1]);
    expect(Object.keys(net.stateDict())).toEqual(["mean"]);
  });

  test("registerBuffer refuses names with dots, parameters and unknown options", () => {
    const net = new nn.ReLU();
    expect(() => net.registerBuffer("a.b", zeros([1]))).toThrow(OptionError);
    expect(() => net.registerBuffer("", zeros([1]))).toThrow(OptionError);
    expect(() => net.registerBuffer("a", new nn.Parameter(zeros([1])))).toThrow(OptionError);
    expect(() => net.registerBuffer("a", zeros([1]), { persist: true } as object)).toThrow(/unknown option "persist"/);
  });
});

describe("Parameter", () => {
  test("is a leaf that requires a gradient, detached from the graph of its values", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const p = new nn.Parameter(x.mul(2));
    expect([p.requiresGrad, p.isLeaf, p.toArray()]).toEqual([true, true, [2, 4]]);
    expect(new nn.Parameter(x, { requiresGrad: false }).requiresGrad).toBe(false);
  });

  test("takes float32 tensors only", () => {
    expect(() => new nn.Parameter(zeros([2], { dtype: "int32" }))).toThrow(DTypeError);
    expect(() => new nn.Parameter([1, 2] as unknown as Tensor)).toThrow(DTypeError);
    expect(() => new nn.Parameter(zeros([2]), { grad: true } as object)).toThrow(OptionError);
  });
});

describe("changing a module", () => {
  test("train and eval reach all modules", () => {
    const net = new Small();
    expect(net.eval()).toBe(net);
    expect(() => net.train("no" as never)).toThrow(OptionError);
    expect(net.modules().map((module) => module.training)).toEqual([false, false, false, false, false]);
    net.out.train();
    expect(net.modules().map((module) => module.training)).toEqual([false, false, true, true, true]);
  });

  test("apply goes through children first", () => {
    const seen: string[] = [];
    new Small().apply((module) => seen.push(module.constructor.name));
    expect(seen).toEqual(["Linear", "ReLU", "Linear", "Sequential", "Small"]);
  });

  test("requiresGrad_ freezes and unfreezes, zeroGrad drops gradients", () => {
    const net = new Small();
    net
      .forward(tensor([[1, 1]]))
      .sum()
      .backward();
    expect(net.parameters().every((p) => p.grad !== null)).toBe(true);
    net.zeroGrad();
    expect(net.parameters().every((p) => p.grad === null)).toBe(true);
    net.hidden.requiresGrad_(false);
    net
      .forward(tensor([[1, 1]]))
      .sum()
      .backward();
    expect(net.namedParameters().flatMap(([name, p]) => (p.grad ? [name] : []))).toEqual(["gain", "out.1.weight"]);
    expect(
      net
        .requiresGrad_()
        .parameters()
        .every((p) => p.requiresGrad),
    ).toBe(true);
  });

  test("lists and dictionaries of modules have no forward", () => {
    expect(() => new nn.ModuleList().forward()).toThrow(WasmgradError);
    expect(() => new nn.ModuleDict().forward()).toThrow(WasmgradError);
  });
});

describe("loadStateDict", () => {
  test("copies all values and reports no missing or unexpected names", () => {
    const from = new Small();
    const to = new Small();
    expect(to.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(values(to.stateDict())).toEqual(values(from.stateDict()));
    expect(to.gain.requiresGrad).toBe(true);
  });

  test("on any error it lists everything that does not fit, and changes nothing", () => {
    const net = new Small();
    const before = values(net.stateDict());
    const released = zeros([2]);
    released.release();
    const { offset: _, ...rest } = new Small().stateDict();
    const state = {
      ...rest,
      gain: released,
      "hidden.weight": zeros([2, 3]),
      "hidden.bias": zeros([3], { dtype: "int32" }),
      "out.1.weight": 7 as unknown as Tensor,
      "out.1.bias": zeros([1]),
      extra: zeros([1]),
    };
    let message = "";
    try {
      net.loadStateDict(state);
    } catch (error) {
      expect(error).toBeInstanceOf(StateDictError);
      message = (error as Error).message;
    }
    expect(message.split("\n").map((line) => line.trim())).toEqual([
      "Small.loadStateDict: the state does not fit, nothing was changed",
      'missing: "offset"',
      'unexpected: "out.1.bias", "extra"',
      'mismatched: "gain" was released before it was loaded',
      'mismatched: "hidden.weight" expected float32 [3,2], got float32 [2,3]',
      'mismatched: "hidden.bias" expected float32 [3], got int32 [3]',
      'mismatched: "out.1.weight" expected float32 [1,3], got no tensor',
    ]);
    expect(values(net.stateDict())).toEqual(before);
  });

  test("without strict it loads matching names and returns the others; shapes must still fit", () => {
    const net = new Small();
    const { gain: _, ...rest } = new Small().stateDict();
    const other = { ...rest, offset: tensor([8, 8, 8]), extra: zeros([1]) };
    expect(() => net.loadStateDict(other)).toThrow(StateDictError);
    expect(net.offset.toArray()).toEqual([5, 6, 7]);
    expect(net.loadStateDict(other, { strict: false })).toEqual({ missingKeys: ["gain"], unexpectedKeys: ["extra"] });
    expect(net.offset.toArray()).toEqual([8, 8, 8]);
    expect(() => net.loadStateDict({ gain: zeros([3]) }, { strict: false })).toThrow(StateDictError);
  });

  // cspell:ignore strickt
  test("refuses values that are not objects, and unknown options", () => {
    expect(() => new Small().loadStateDict(null as unknown as nn.StateDict)).toThrow(StateDictError);
    expect(() => new Small().loadStateDict({}, { strickt: false } as object)).toThrow(OptionError);
  });
});

describe("toString", () => {
  test("prints the tree and the number of parameters", () => {
    const net = new InpaintingAutoencoder();
    expect(`${net}`).toBe(`InpaintingAutoencoder(
  (encoder): Sequential(
    (0): Conv2d(3, 64, kernelSize=(3, 3), stride=(1, 1), padding=(1, 1))
    (1): ReLU()
    (2): MaxPool2d(kernelSize=2, stride=2)
    (3): Conv2d(64, 128, kernelSize=(3, 3), stride=(1, 1), padding=(1, 1))
    (4): ReLU()
    (5): MaxPool2d(kernelSize=2, stride=2)
  )
  (decoder): Sequential(
    (0): ConvTranspose2d(128, 64, kernelSize=(2, 2), stride=(2, 2))
    (1): ReLU()
    (2): ConvTranspose2d(64, 3, kernelSize=(2, 2), stride=(2, 2))
    (3): Sigmoid()
  )
)
(109,251 parameters)`);
    expect(inspect(net)).toBe(`${net}`);
  });

  test("shows the options of a convolution that differ from the defaults", () => {
    const same = new nn.Conv2d(4, 8, { kernelSize: [1, 3], padding: "same", dilation: [1, 2], groups: 2, bias: false });
    expect(`${same}`.split("\n")[0]).toBe(
      "Conv2d(4, 8, kernelSize=(1, 3), stride=(1, 1), padding=same, dilation=(1, 2), groups=2, bias=false)",
    );
    const up = new nn.ConvTranspose2d(1, 1, { kernelSize: 3, stride: 2, padding: 1, outputPadding: [0, 1] });
    expect(up.extraRepr()).toBe("1, 1, kernelSize=(3, 3), stride=(2, 2), padding=(1, 1), outputPadding=(0, 1)");
  });
});

test("a module that contains itself is an error, not an endless walk", () => {
  class Child extends nn.Module {
    weight = new nn.Parameter(zeros([2]));
    parent: nn.Module | null = null;
    override forward(): void {}
  }
  const child = new Child();
  const net = new nn.Sequential(child);
  child.parent = net;
  expect(() => net.stateDict()).toThrow(OptionError);
  expect(() => net.stateDict()).toThrow("Sequential: a module contains itself");
  expect(() => net.loadStateDict({})).toThrow(OptionError);
  expect(() => net.apply(() => {})).toThrow(OptionError);
  expect(`${net}`).toContain("(parent): Sequential(contains itself)");
  expect(net.parameters()).toEqual([child.weight]);
});

describe("containers", () => {
  test("Sequential: fields of a subclass have parameters, but are not part of the sequence", () => {
    class Headed extends nn.Sequential {
      head = new nn.Linear(2, 1);
    }
    const net = new Headed(new nn.ReLU());
    net[0] = new nn.Tanh();
    expect([net.length, [...net].map((module) => module.constructor.name)]).toEqual([1, ["Tanh"]]);
    expect(net.append(new nn.ReLU())[1]).toBeInstanceOf(nn.ReLU);
    expect(Object.keys(net.stateDict())).toEqual(["head.weight", "head.bias"]);
    expect(net.forward(tensor([1, -1])).toArray()).toEqual([expect.closeTo(Math.tanh(1), 6), 0]);
  });

  test("Sequential: length, at, iteration, append", () => {
    const [a, b] = [new nn.ReLU(), new nn.Tanh()];
    const net = new nn.Sequential(a).append(b);
    expect([net.length, net.at(0), net.at(-1), [...net]]).toEqual([2, a, b, [a, b]]);
    expect(() => net.at(2)).toThrow(OptionError);
    expect(() => net.at(0.5)).toThrow(OptionError);
    expect(() => new nn.Sequential([new nn.ReLU()] as never)).toThrow(
      "expected modules, got an array; pass its elements",
    );
    expect(() => new nn.Sequential(((x: Tensor) => x) as unknown as nn.Module)).toThrow(OptionError);
  });

  test("the same module twice runs twice", () => {
    const double = new nn.Linear(1, 1, { bias: false });
    double.weight.copy_(tensor([[2]]));
    const net = new nn.Sequential(double, double);
    expect([net.length, net.forward(tensor([[3]])).item(), net.parameters().length]).toEqual([2, 12, 1]);
    expect(Object.keys(net.stateDict())).toEqual(["0.weight", "1.weight"]);
  });

  test("ten and more keep their order", () => {
    const net = new nn.Sequential(...Array.from({ length: 12 }, () => new nn.Linear(1, 1, { bias: false })));
    expect(Object.keys(net.stateDict())).toEqual(Array.from({ length: 12 }, (_, i) => `${i}.weight`));
  });

  test("ModuleDict: get, set, keys; names of its methods are refused", () => {
    const heads = new nn.ModuleDict({ a: new nn.Linear(2, 1) });
    heads.set("b", new nn.ReLU());
    expect(heads.keys()).toEqual(["a", "b"]);
    expect(heads.get("b")).toBeInstanceOf(nn.ReLU);
    expect(() => heads.get("c")).toThrow(OptionError);
    expect(() => heads.set("forward", new nn.ReLU())).toThrow(OptionError);
    expect(() => heads.set("a.b", new nn.ReLU())).toThrow(OptionError);
  });
});

/** Mean, variance, minimum and maximum of a tensor. */
function moments(x: Tensor) {
  const data = Array.from(x.data());
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
  const variance = data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length;
  return { mean, variance, least: Math.min(...data), most: Math.max(...data) };
}

/** Checks a uniform distribution in ±bound: within the bound, close to it, with its mean and variance. */
function expectUniform(x: Tensor, bound: number): void {
  const { mean, variance, least, most } = moments(x);
  const tolerance = 6 / Math.sqrt(x.numel());
  expect(least).toBeGreaterThanOrEqual(-bound);
  expect(most).toBeLessThanOrEqual(bound);
  expect(most - least).toBeGreaterThan(2 * bound * (1 - 20 / x.numel()));
  expect(Math.abs(mean)).toBeLessThan(tolerance * bound);
  expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(tolerance);
}

function expectNormal(x: Tensor, mean: number, std: number): void {
  const found = moments(x);
  const tolerance = 6 / Math.sqrt(x.numel());
  expect(Math.abs(found.mean - mean)).toBeLessThan(tolerance * std);
  expect(Math.abs(found.variance / std ** 2 - 1)).toBeLessThan(2 * tolerance);
  expect(found.most).toBeGreaterThan(mean + 2.5 * std);
}

describe("how layers begin", () => {
  test("Linear, Conv2d: uniform in ±1/√fanIn, weight and bias", () => {
    const linear = new nn.Linear(100, 400);
    expectUniform(linear.weight, 0.1);
    expectUniform(linear.bias as Tensor, 0.1);
    const conv = new nn.Conv2d(16, 300, { kernelSize: [3, 5], groups: 4 });
    expectUniform(conv.weight, 1 / Math.sqrt(4 * 15));
    expectUniform(conv.bias as Tensor, 1 / Math.sqrt(4 * 15));
  });

  test("ConvTranspose2d: the fan-in is outChannels/groups, as in PyTorch", () => {
    const conv = new nn.ConvTranspose2d(300, 16, { kernelSize: 3, groups: 4 });
    expect([...conv.weight.shape]).toEqual([300, 4, 3, 3]);
    expectUniform(conv.weight, 1 / Math.sqrt(4 * 9));
    const wide = new nn.ConvTranspose2d(4, 500, { kernelSize: 2 });
    expectUniform(wide.bias as Tensor, 1 / Math.sqrt(500 * 4));
  });

  test("the same seed gives the same weights, another seed different ones", () => {
    const weights = (seed: number) => {
      manualSeed(seed);
      return values(new InpaintingAutoencoder().encoder.stateDict());
    };
    const first = weights(7);
    expect(weights(7)).toEqual(first);
    expect(weights(8)).not.toEqual(first);
  });
});

test.each(["init", "utils"] as const)(
  "nn.%s: the old names, without an underscore, are the same functions",
  (space) => {
    const functions: Record<string, unknown> = nn[space];
    const inPlace = Object.keys(functions).filter((name) => name.endsWith("_") && name.slice(0, -1) in functions);
    expect(inPlace).toHaveLength(space === "init" ? 10 : 2);
    for (const name of inPlace) expect(functions[name.slice(0, -1)]).toBe(functions[name]);
  },
);

describe("nn.init", () => {
  const w = () => zeros([200, 50, 2, 2]);

  test("each fills in place and gives its tensor back", () => {
    const x = zeros([2, 3]);
    expect(nn.init.constant_(x, 2.5)).toBe(x);
    expect(x.toArray()).toEqual([
      [2.5, 2.5, 2.5],
      [2.5, 2.5, 2.5],
    ]);
    expect(nn.init.ones_(x).toArray()).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
    expect(nn.init.zeros_(x).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(nn.init.eye_(x).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
  });

  test("uniform and normal", () => {
    expectUniform(nn.init.uniform_(w(), -3, 3), 3);
    expectUniform(nn.init.uniform_(w()).sub(0.5), 0.5);
    expectNormal(nn.init.normal_(w()), 0, 1);
    expectNormal(nn.init.normal_(w(), 5, 0.1), 5, 0.1);
  });

  test("xavier and kaiming: fans of [200,50,2,2] are 200 and 800", () => {
    expectUniform(nn.init.xavierUniform_(w()), Math.sqrt(6 / 1000));
    expectUniform(nn.init.xavierUniform_(w(), 2), 2 * Math.sqrt(6 / 1000));
    expectNormal(nn.init.xavierNormal_(w()), 0, Math.sqrt(2 / 1000));
    expectUniform(nn.init.kaimingUniform_(w()), Math.sqrt(6 / 200));
    expectUniform(nn.init.kaimingUniform_(w(), { a: Math.sqrt(5) }), 1 / Math.sqrt(200));
    expectUniform(nn.init.kaimingUniform_(w(), { mode: "fanOut", nonlinearity: "relu" }), Math.sqrt(6 / 800));
    expectNormal(nn.init.kaimingNormal_(w(), { nonlinearity: "tanh" }), 0, 5 / 3 / Math.sqrt(200));
  });

  test("gains are PyTorch's", () => {
    const { calculateGain } = nn.init;
    expect(calculateGain("linear")).toBe(1);
    expect(calculateGain("sigmoid")).toBe(1);
    expect(calculateGain("tanh")).toBe(5 / 3);
    expect(calculateGain("relu")).toBe(Math.SQRT2);
    expect(calculateGain("leakyRelu")).toBe(Math.sqrt(2 / 1.0001));
    expect(calculateGain("leakyRelu", 1)).toBe(1);
    expect(calculateGain("selu")).toBe(0.75);
  });

  test("bad arguments", () => {
    expect(() => nn.init.xavierUniform_(zeros([3]))).toThrow(ShapeError);
    expect(() => nn.init.eye_(zeros([3]))).toThrow(ShapeError);
    expect(() => nn.init.uniform_(zeros([3]), 1, 0)).toThrow(OptionError);
    expect(() => nn.init.normal_(zeros([3]), 0, -1)).toThrow(OptionError);
    expect(() => nn.init.constant_(zeros([3]), Number.NaN)).toThrow(OptionError);
    expect(() => nn.init.kaimingUniform_(w(), { mode: "fan_in" as "fanIn" })).toThrow(OptionError);
    expect(() => nn.init.calculateGain("gelu" as "relu")).toThrow(OptionError);
    expect(() => nn.init.ones_(zeros([3], { dtype: "int32" }))).toThrow(DTypeError);
  });
});

describe("layers refuse bad arguments when they are made", () => {
  // biome-ignore lint/suspicious/noExplicitAny: arguments that types would refuse
  const any = nn as any;
  const bad: [string, () => unknown][] = [
    ["Conv2d without kernelSize", () => new any.Conv2d(1, 1)],
    ["Conv2d with positional kernel size", () => new any.Conv2d(1, 1, 3)],
    ["Conv2d with an unknown option", () => new any.Conv2d(1, 1, { kernelSize: 3, paddings: 1 })],
    ["Conv2d with NaN", () => new any.Conv2d(1, 1, { kernelSize: Number.NaN })],
    ["Conv2d with three sizes", () => new any.Conv2d(1, 1, { kernelSize: [3, 3, 3] })],
    ["Conv2d groups that do not divide", () => new nn.Conv2d(3, 4, { kernelSize: 1, groups: 2 })],
    ["Conv2d same with stride", () => new nn.Conv2d(1, 1, { kernelSize: 3, stride: 2, padding: "same" })],
    ["ConvTranspose2d same", () => new any.ConvTranspose2d(1, 1, { kernelSize: 3, padding: "same" })],
    ["ConvTranspose2d outputPadding", () => new nn.ConvTranspose2d(1, 1, { kernelSize: 3, outputPadding: 1 })],
    ["Linear of no features", () => new nn.Linear(0, 3)],
    ["Linear with a bias of 1", () => new any.Linear(1, 3, { bias: 1 })],
    ["MaxPool2d dilation", () => new nn.MaxPool2d(2, { dilation: 0 })],
    ["AvgPool2d unknown option", () => new any.AvgPool2d(2, { strides: 2 })],
    ["AdaptiveAvgPool2d of NaN", () => new any.AdaptiveAvgPool2d(Number.NaN)],
    ["LeakyReLU with a number", () => new any.LeakyReLU(0.2)],
    ["ELU alpha NaN", () => new nn.ELU({ alpha: Number.NaN })],
    ["GELU unknown form", () => new any.GELU({ approximate: "erf" })],
    ["Softmax without a dimension", () => new any.Softmax()],
    ["Upsample without a size", () => new any.Upsample({})],
    ["Flatten with NaN", () => new nn.Flatten(Number.NaN)],
    ["BatchNorm2d momentum", () => new nn.BatchNorm2d(3, { momentum: 2 })],
    ["BatchNorm2d unknown option", () => new any.BatchNorm2d(3, { epsilon: 1 })],
    ["GroupNorm groups that do not divide", () => new nn.GroupNorm(2, 3)],
    ["LayerNorm of nothing", () => new nn.LayerNorm([])],
    ["MSELoss reduction", () => new any.MSELoss({ reduction: "average" })],
    ["MSELoss batchmean", () => new any.MSELoss({ reduction: "batchmean" })],
    ["SmoothL1Loss beta", () => new nn.SmoothL1Loss({ beta: -1 })],
    ["CrossEntropyLoss smoothing", () => new nn.CrossEntropyLoss({ labelSmoothing: 2 })],
  ];
  test.each(bad)("%s", (_what, make) => {
    expect(make).toThrow(OptionError);
  });
});

describe("layers without parameters do what the function does", () => {
  const x = () =>
    tensor([
      [
        [
          [1, -2, 3, 4],
          [5, 6, -7, 8],
        ],
      ],
    ]);
  const F = nn.functional;
  const pairs: [nn.Module, (x: Tensor) => Tensor][] = [
    [new nn.ReLU(), (x) => x.relu()],
    [new nn.LeakyReLU({ negativeSlope: 0.3 }), (x) => F.leakyRelu(x, { negativeSlope: 0.3 })],
    [new nn.ELU(), (x) => F.elu(x)],
    [new nn.GELU({ approximate: "tanh" }), (x) => F.gelu(x, { approximate: "tanh" })],
    [new nn.SiLU(), (x) => F.silu(x)],
    [new nn.Sigmoid(), (x) => x.sigmoid()],
    [new nn.Tanh(), (x) => x.tanh()],
    [new nn.Softplus({ beta: 2 }), (x) => F.softplus(x, { beta: 2 })],
    [new nn.Softmax(3), (x) => x.softmax(3)],
    [new nn.LogSoftmax(-1), (x) => x.logSoftmax(-1)],
    [new nn.Identity(), (x) => x],
    [new nn.Flatten(), (x) => x.flatten(1)],
    [new nn.Unflatten(3, [2, -1]), (x) => x.unflatten(3, [2, 2])],
    [new nn.Upsample({ scaleFactor: 2 }), (x) => F.interpolate(x, { scaleFactor: 2 })],
    [new nn.Upsample({ size: [3, 5], mode: "bilinear" }), (x) => F.interpolate(x, { size: [3, 5], mode: "bilinear" })],
    [new nn.MaxPool2d([1, 2], { stride: 1 }), (x) => F.maxPool2d(x, [1, 2], { stride: 1 })],
    [new nn.AvgPool2d(2), (x) => F.avgPool2d(x, 2)],
    [new nn.AdaptiveAvgPool2d([1, 2]), (x) => F.adaptiveAvgPool2d(x, [1, 2])],
  ];
  test.each(pairs.map(([module, f]) => [`${module}`.split("\n")[0], module, f] as const))("%s", (_name, module, f) => {
    expect(module.forward(x()).toArray()).toEqual(f(x()).toArray());
  });

  test("losses, with their options", () => {
    const input = () =>
      tensor([
        [0.2, 0.3, 0.5],
        [0.1, 0.8, 0.1],
      ]);
    const target = () =>
      tensor([
        [0, 1, 0],
        [0, 0.5, 0.5],
      ]);
    const labels = () => tensor(Int32Array.of(1, 2));
    const weight = tensor([1, 2, 3]);
    const same = (module: nn.Module, goal: Tensor, expected: Tensor) =>
      expect(module.forward(input(), goal).toArray(), module.constructor.name).toEqual(expected.toArray());
    const sum = { reduction: "sum" } as const;
    same(new nn.MSELoss(sum), target(), F.mseLoss(input(), target(), sum));
    same(new nn.L1Loss(), target(), F.l1Loss(input(), target()));
    same(new nn.SmoothL1Loss({ beta: 0.1 }), target(), F.smoothL1Loss(input(), target(), { beta: 0.1 }));
    same(new nn.BCELoss({ weight }), target(), F.binaryCrossEntropy(input(), target(), { weight }));
    same(
      new nn.BCEWithLogitsLoss({ posWeight: weight }),
      target(),
      F.binaryCrossEntropyWithLogits(input(), target(), { posWeight: weight }),
    );
    const smoothed = { labelSmoothing: 0.1, weight };
    same(new nn.CrossEntropyLoss(smoothed), labels(), F.crossEntropy(input(), labels(), smoothed));
    same(new nn.NLLLoss({ ignoreIndex: 1 }), labels(), F.nllLoss(input(), labels(), { ignoreIndex: 1 }));
    const batchmean = { reduction: "batchmean", logTarget: true } as const;
    same(new nn.KLDivLoss(batchmean), target(), F.klDiv(input(), target(), batchmean));
  });
});

describe("Dropout", () => {
  test("drops elements in training, scales the others, and does nothing after eval()", () => {
    const drop = new nn.Dropout(0.25);
    const x = ones([4000]);
    const data = Array.from(drop.forward(x).data());
    const zerosShare = data.filter((v) => v === 0).length / data.length;
    expect(zerosShare).toBeGreaterThan(0.2);
    expect(zerosShare).toBeLessThan(0.3);
    expect(new Set(data)).toEqual(new Set([0, Math.fround(4 / 3)]));
    expect(drop.eval().forward(x).toArray()).toEqual(x.toArray());
  });

  test("Dropout2d drops whole channels", () => {
    const sums = new nn.Dropout2d(0.5)
      .forward(ones([8, 8, 2, 2]))
      .sum([2, 3])
      .data();
    expect(new Set(sums)).toEqual(new Set([0, 8]));
  });

  test.each([-0.1, 1.1, Number.NaN])("p = %s is refused", (p) => {
    expect(() => new nn.Dropout(p)).toThrow(OptionError);
    expect(() => new nn.Dropout2d(p)).toThrow(OptionError);
  });
});

describe("Embedding", () => {
  test("gives rows; the padding row starts as zeros and gets no gradient", () => {
    const table = new nn.Embedding(500, 8, { paddingIdx: -500 });
    expect(`${table}`).toBe("Embedding(500, 8, paddingIdx=0)\n(4,000 parameters)");
    expectNormal(table.weight.narrow(0, 1, 499), 0, 1);
    const y = table.forward(tensor(Int32Array.of(3, 0, 3), { shape: [3, 1] }));
    expect([...y.shape]).toEqual([3, 1, 8]);
    expect(y.sum([2]).toArray()).toEqual([[y.narrow(0, 0, 1).sum().item()], [0], [y.narrow(0, 0, 1).sum().item()]]);
    y.sum().backward();
    const rows = table.weight.grad?.sum(1).data();
    expect([rows?.[0], rows?.[1], rows?.[3]]).toEqual([0, 0, 16]);
  });

  test("bad arguments", () => {
    expect(() => new nn.Embedding(5, 2, { paddingIdx: 5 })).toThrow(OptionError);
    expect(() => new nn.Embedding(0, 2)).toThrow(OptionError);
    expect(() => new nn.Embedding(5, 2).forward(tensor(Int32Array.of(5)))).toThrow(OptionError);
    expect(() => new nn.Embedding(5, 2).forward(zeros([1]))).toThrow(DTypeError);
  });
});

test("the autoencoder learns: the loss falls over a few steps, and gradients reach every parameter", () => {
  manualSeed(0);
  const net = new nn.Sequential(
    new nn.Conv2d(1, 4, { kernelSize: 3, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.ConvTranspose2d(4, 1, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );
  const x = tensor(
    Float32Array.from({ length: 64 }, (_, i) => (i % 5) / 5),
    { shape: [1, 1, 8, 8] },
  );
  const losses = Array.from({ length: 20 }, () => {
    net.zeroGrad();
    const loss = new nn.MSELoss().forward(net.forward(x), x);
    loss.backward();
    for (const p of net.parameters()) p.copy_(p.detach().sub((p.grad as Tensor).mul(1)));
    return loss.item();
  });
  expect(losses[19]).toBeLessThan(losses[0] * 0.95);
});
