/** importOnnx: what becomes a weight, names, training, cached shapes, memory, errors that list everything. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  DataError,
  DTypeError,
  manualSeed,
  memory,
  nn,
  noGrad,
  OptionError,
  ones,
  optim,
  rand,
  ShapeError,
  scope,
  type Tensor,
  tensor,
} from "wasmgrad";
import { exportOnnx, importOnnx } from "wasmgrad/onnx";
import { graph, graphAttribute, model, node, tensorAttribute, tensorProto, value } from "../../support/onnx_model.ts";

const vector = (name: string, values: readonly number[]) => tensorProto(name, [values.length], values);

/** y = x w + b, in nodes of exporters: MatMul and Add. */
const linear = model({
  nodes: [node("MatMul", ["x", "layer.weight"], ["product"]), node("Add", ["product", "layer/bias"], ["y"])],
  inputs: [value("x", ["batch", 2])],
  outputs: [value("y", ["batch", 3])],
  initializers: [tensorProto("layer.weight", [2, 3], [1, 2, 3, 4, 5, 6]), vector("layer/bias", [10, 20, 30])],
});

const names = (of: nn.Module) => of.namedParameters().map(([name]) => name);

describe("weights", () => {
  test("names are the file's, and the state dict loads", async () => {
    const net = await importOnnx(linear);
    expect(names(net)).toEqual(["layer.weight", "layer/bias"]);
    expect(net.forward(tensor([[1, 1]])).toArray()).toEqual([[15, 27, 39]]);
    net.loadStateDict({ "layer.weight": ones([2, 3]), "layer/bias": tensor([0, 0, 1]) });
    expect(
      net
        .forward(
          tensor([
            [1, 1],
            [2, 2],
          ]),
        )
        .toArray(),
    ).toEqual([
      [2, 2, 3],
      [4, 4, 5],
    ]);
    expect(() => net.loadStateDict({ "layer.weight": ones([2, 3]) })).toThrow("layer/bias");
  });

  test("the gradients are those of the formula, and a step lowers the loss", async () => {
    const net = await importOnnx(linear);
    const x = tensor([[1, 2]]);
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 });
    const loss = () => net.forward(x).square().sum();
    const before = loss();
    before.backward();
    // y = [19, 32, 45]; dL/db = 2 y; dL/dw = xᵀ · 2 y
    const [weight, bias] = net.parameters();
    expect(bias.grad?.toArray()).toEqual([38, 64, 90]);
    expect(weight.grad?.toArray()).toEqual([
      [38, 64, 90],
      [76, 128, 180],
    ]);
    optimizer.step();
    expect(loss().item()).toBeLessThan(before.item());
  });

  test("scalars, scales, bounds and masks do not train", async () => {
    const net = await importOnnx(
      model({
        nodes: [
          node("Add", ["x", "eps"], ["a"]),
          node("Clip", ["a", "low", "high"], ["b"]),
          node("Add", ["b", "mask"], ["c"]),
          node("Mul", ["c", "gain"], ["d"]),
          node("Pow", ["d", "two"], ["y"]),
        ],
        inputs: [value("x", [2])],
        outputs: ["y"],
        initializers: [
          tensorProto("eps", [], [1e-5]),
          tensorProto("low", [], [0]),
          tensorProto("high", [], [6]),
          vector("mask", [0, Number.NEGATIVE_INFINITY]),
          vector("gain", [2, 3]),
          tensorProto("two", [], [2]),
        ],
      }),
    );
    expect(names(net)).toEqual(["gain"]);
  });

  test("in Constant nodes, in branches of If, behind Transpose; one-element biases of convolutions", async () => {
    const branch = (name: string, weight: number) =>
      graphAttribute(
        graph({
          nodes: [
            node("Constant", [], [name], {
              attributes: { value: tensorAttribute(tensorProto("", [1, 2], [weight, weight])) },
            }),
            node("Transpose", [name], [`${name}T`]),
            node("MatMul", ["x", `${name}T`], [`${name}Y`]),
          ],
          outputs: [`${name}Y`],
        }),
      );
    const net = await importOnnx(
      model({
        nodes: [
          node("Size", ["x"], ["size"]),
          node("Greater", ["size", "two"], ["large"]),
          node("If", ["large"], ["z"], { attributes: { then_branch: branch("a", 2), else_branch: branch("b", 3) } }),
          node("Reshape", ["z", "shape"], ["image"]),
          node("Conv", ["image", "conv.weight", "conv.bias"], ["y"]),
        ],
        inputs: [value("x", ["n", 2])],
        outputs: ["y"],
        initializers: [
          tensorProto("two", [], [2], "int64"),
          tensorProto("shape", [4], [-1, 1, 1, 1], "int64"),
          tensorProto("conv.weight", [1, 1, 1, 1], [10]),
          vector("conv.bias", [1]),
        ],
      }),
    );
    expect(names(net)).toEqual(["conv.weight", "conv.bias", "a", "b"]);
    expect(Array.from(net.forward(tensor([[1, 1]])).data())).toEqual([61]);
    const y = net.forward(ones([2, 2]));
    expect(Array.from(y.data())).toEqual([41, 41]);
    y.sum().backward();
    const grads = Object.fromEntries(
      net.namedParameters().map(([name, p]) => [name, p.grad && Array.from(p.grad.data())]),
    );
    expect(grads).toEqual({ "conv.weight": [8], "conv.bias": [2], a: [20, 20], b: null });
  });

  test("weights of layers whose input is a constant, and behind activations", async () => {
    const net = await importOnnx(
      model({
        nodes: [
          node("Conv", ["grid", "place.weight", "place.bias"], ["table"]),
          node("Relu", ["table"], ["positive"]),
          node("Add", ["x", "positive"], ["y"]),
        ],
        inputs: [value("x", ["batch", 2, 3])],
        outputs: [value("y", ["batch", 2, 3])],
        initializers: [
          tensorProto("grid", [1, 1, 3], [1, 2, 3]),
          tensorProto("place.weight", [2, 1, 1], [2, -3]),
          vector("place.bias", [1, 2]),
        ],
      }),
    );
    // the grid itself may be learned as well
    expect(names(net)).toEqual(["grid", "place.weight", "place.bias"]);
    net
      .forward(ones([1, 2, 3]))
      .sum()
      .backward();
    const gradients = net.parameters().map((parameter) => parameter.grad?.flatten().toArray());
    expect(gradients).toEqual([
      [2, 2, 2],
      [6, 0],
      [3, 0],
    ]);
  });

  test("scalars whose names are keys of a state dict of PyTorch", async () => {
    const bytes = (producerName: string) =>
      model({
        nodes: [
          node("Mul", ["x", "act.scale"], ["scaled"]),
          node("Add", ["scaled", "act.bias"], ["shifted"]),
          node("Add", ["shifted", "eps"], ["y"]),
        ],
        inputs: [value("x", [2])],
        outputs: [value("y", [2])],
        initializers: [vector("act.scale", [0.5]), tensorProto("act.bias", [], [0.25]), vector("eps", [1e-5])],
        producerName,
      });
    expect(names(await importOnnx(bytes("pytorch")))).toEqual(["act.scale", "act.bias"]);
    expect(names(await importOnnx(bytes("tf2onnx")))).toEqual([]);
  });

  test("a norm of weights, with statistics that the graph computes", async () => {
    const w = [1, 2, 4, 8, 3, 5];
    const net = await importOnnx(
      model({
        nodes: [
          node("ReduceMean", ["conv.weight"], ["mean"], { attributes: { axes: [0, 2], keepdims: 0 } }),
          node("Mul", ["conv.weight", "conv.weight"], ["squares"]),
          node("ReduceMean", ["squares"], ["variance"], { attributes: { axes: [0, 2], keepdims: 0 } }),
          node("Mul", ["conv.gain", "constant"], ["gain"]),
          node("Constant", [], ["zeros"], { attributes: { value: tensorAttribute(vector("", [0, 0])) } }),
          node("BatchNormalization", ["conv.weight", "gain", "zeros", "mean", "variance"], ["standard"]),
          node("Conv", ["x", "standard"], ["y"]),
        ],
        inputs: [value("x", ["batch", 2, 3])],
        outputs: [value("y", ["batch", 1, 1])],
        initializers: [
          tensorProto("conv.weight", [1, 2, 3], w),
          vector("conv.gain", [1, 2]),
          vector("constant", [1.7]),
        ],
        opset: 13,
      }),
    );
    expect(names(net)).toEqual(["conv.weight", "conv.gain"]);
    expect(net.namedBuffers()).toEqual([]);
    const x = tensor([1, -1, 2, 3, 1, -2], { shape: [1, 2, 3] });
    const [weight, gain] = net.parameters();
    const reference = () => {
      const mean = weight.mean([0, 2]).reshape([2, 1]);
      const variance = weight.square().mean([0, 2]).reshape([2, 1]);
      const scale = gain.mul(1.7).reshape([2, 1]);
      return weight.sub(mean).div(variance.add(1e-5).sqrt()).mul(scale).mul(x).sum();
    };
    for (const training of [false, true]) {
      net.train(training);
      net.zeroGrad();
      const y = net.forward(x).sum();
      y.backward();
      const ours = net.parameters().map((parameter) => parameter.grad?.flatten().toArray() as number[]);
      net.zeroGrad();
      const expected = reference();
      expected.backward();
      expect(y.item()).toBeCloseTo(expected.item(), 5);
      const theirs = net.parameters().map((parameter) => parameter.grad?.flatten().toArray() as number[]);
      ours.forEach((gradient, i) => {
        gradient.forEach((g, j) => {
          expect(g).toBeCloseTo(theirs[i][j], 5);
        });
      });
    }
  });

  test("an Identity of an initializer is a copy under its own name", async () => {
    const net = await importOnnx(
      model({
        nodes: [
          node("Identity", ["first"], ["second"]),
          node("Mul", ["x", "first"], ["a"]),
          node("Mul", ["a", "second"], ["y"]),
        ],
        inputs: ["x"],
        outputs: ["y"],
        initializers: [vector("first", [2, 3])],
      }),
    );
    expect(names(net)).toEqual(["first", "second"]);
    net
      .forward(ones([2]))
      .sum()
      .backward();
    expect(net.parameters().map((p) => p.grad?.toArray())).toEqual([
      [2, 3],
      [2, 3],
    ]);
  });

  test("trainable narrows: patterns, expressions, functions", async () => {
    const training = async (trainable: Parameters<typeof importOnnx>[1]) =>
      (await importOnnx(linear, trainable))
        .namedParameters()
        .filter(([, p]) => p.requiresGrad)
        .map(([name]) => name);
    expect(await training({ trainable: "*.weight" })).toEqual(["layer.weight"]);
    expect(await training({ trainable: [/bias$/] })).toEqual(["layer/bias"]);
    expect(await training({ trainable: (_, shape) => shape.length === 1 })).toEqual(["layer/bias"]);
    await expect(importOnnx(linear, { trainable: "head.*" })).rejects.toThrow(/matches no weight/);
    await expect(importOnnx(linear, { trainable: 3 as never })).rejects.toThrow(OptionError);
    const frozen = await importOnnx(linear, { trainable: () => false });
    expect(Object.keys(frozen.stateDict())).toEqual(["layer.weight", "layer/bias"]);
  });

  test("halves, doubles and bfloats become float32", async () => {
    const net = await importOnnx(
      model({
        nodes: [node("Mul", ["x", "a"], ["p"]), node("Mul", ["p", "b"], ["q"]), node("Mul", ["q", "c"], ["y"])],
        inputs: ["x"],
        outputs: ["y"],
        initializers: [
          tensorProto("a", [2], [0x3c00, 0xc000], "float16"),
          tensorProto("b", [2], [0x3f80, 0x4040], "bfloat16"),
          tensorProto("c", [2], [0.1, 0.5], "double"),
        ],
      }),
    );
    expect(net.parameters().map((p) => p.dtype)).toEqual(["float32", "float32", "float32"]);
    expect(net.forward(ones([2])).toArray()).toEqual([Math.fround(0.1), -3]);
  });
});

describe("training mode", () => {
  const bytes = model({
    nodes: [node("BatchNormalization", ["x", "w", "b", "m", "v"], ["n"]), node("Dropout", ["n", "half"], ["y"])],
    inputs: [value("x", ["batch", 2])],
    outputs: ["y"],
    initializers: [
      vector("w", [1, 1]),
      vector("b", [0, 0]),
      vector("m", [1, 1]),
      vector("v", [4, 4]),
      tensorProto("half", [], [0.5]),
    ],
  });

  test("normalisation and dropout follow train() and eval()", async () => {
    manualSeed(3);
    const net = await importOnnx(bytes);
    expect(names(net)).toEqual(["w", "b"]);
    expect(net.namedBuffers().map(([name]) => name)).toEqual(["m", "v"]);
    net.eval();
    expect(net.forward(tensor([[3, 5]])).toArray()).toEqual([[expect.closeTo(1, 5), expect.closeTo(2, 5)]]);
    net.train();
    const before = net.stateDict().m.toArray();
    const y = Array.from(net.forward(rand([64, 2])).data());
    expect(y.filter((v) => v === 0).length).toBeGreaterThan(30);
    expect(net.stateDict().m.toArray()).not.toEqual(before);
  });
});

test.each([
  ["ScatterElements", [1, 3], [0, 1, 1], { axis: 1, reduction: "add" }],
  ["ScatterND", [3, 2], [0, 0, 0, 1, 0, 1], { reduction: "add" }],
])("gradients flow through %s into a small constant", async (opType, dims, index, attributes) => {
  const net = await importOnnx(
    model({
      nodes: [
        node("Reshape", ["x", "shape"], ["updates"]),
        node(opType, ["zeros", "index", "updates"], ["y"], { attributes }),
      ],
      inputs: [value("x", [3])],
      outputs: [value("y", [1, 2])],
      initializers: [
        tensorProto("zeros", [1, 2], [0, 0]),
        tensorProto("index", dims, index, "int64"),
        tensorProto("shape", opType === "ScatterND" ? [1] : [2], opType === "ScatterND" ? [3] : [1, 3], "int64"),
      ],
    }),
  );
  const x = tensor([1, 2, 4]);
  x.requiresGrad = true;
  const y = net.forward(x);
  expect(y.toArray()).toEqual([[1, 6]]);
  y.mul(tensor([[1, 5]]))
    .sum()
    .backward();
  expect(x.grad?.toArray()).toEqual([1, 5, 5]);
});

describe("evaluation", () => {
  /** Flattens by a shape that is computed from the input's. */
  const flatten = model({
    nodes: [
      node("Shape", ["x"], ["shape"]),
      node("Gather", ["shape", "zero"], ["batch"]),
      node("Unsqueeze", ["batch", "axes"], ["batches"]),
      node("Concat", ["batches", "rest"], ["target"], { attributes: { axis: 0 } }),
      node("Reshape", ["x", "target"], ["flat"]),
      node("MatMul", ["flat", "w"], ["y"]),
    ],
    inputs: [value("x", ["batch", 2, 2])],
    outputs: ["y"],
    initializers: [
      tensorProto("zero", [], [0], "int64"),
      tensorProto("axes", [1], [0], "int64"),
      tensorProto("rest", [1], [-1], "int64"),
      tensorProto("w", [4, 1], [1, 1, 1, 1]),
    ],
  });

  test("a dynamic batch, in any order of sizes", async () => {
    const net = await importOnnx(flatten);
    for (const batch of [1, 5, 2, 7, 1, 3, 4, 6, 8, 9, 10, 5, 1]) {
      expect(net.forward(ones([batch, 2, 2])).shape).toEqual([batch, 1]);
    }
  });

  test("no tensor remains after a step", async () => {
    const net = await importOnnx(flatten);
    const step = () =>
      scope(() => {
        net
          .forward(ones([3, 2, 2]))
          .sum()
          .backward();
        for (const p of net.parameters()) p.grad = null;
        noGrad(() => net.forward(ones([2, 2, 2])));
      });
    step();
    const before = memory();
    for (let i = 0; i < 5; i++) step();
    expect(memory().liveTensors).toBe(before.liveTensors);
    expect(memory().liveBytes).toBe(before.liveBytes);
    net.release();
  });

  test("release gives everything back", async () => {
    const before = memory().liveTensors;
    const net = await importOnnx(flatten);
    scope(() => {
      net.forward(ones([3, 2, 2]));
    });
    net.release();
    expect(memory().liveTensors).toBe(before);
  });

  test("several outputs are named; an input that is an output is the caller's", async () => {
    const net = await importOnnx<Record<string, Tensor>>(
      model({
        nodes: [node("Relu", ["x"], ["positive"]), node("Shape", ["x"], ["shape"])],
        inputs: [value("x", ["n"])],
        outputs: ["positive", value("shape", [1], "int64"), "x"],
      }),
    );
    const x = tensor([-1, 2]);
    const outputs = net.forward({ x });
    expect(Object.entries(outputs).map(([name, y]) => [name, y.toArray()])).toEqual([
      ["positive", [0, 2]],
      ["shape", [2]],
      ["x", [-1, 2]],
    ]);
    expect(x.released).toBe(false);
  });

  test("inputs are checked by name, rank, lengths and dtype", async () => {
    const net = await importOnnx(linear);
    expect(() => net.forward()).toThrow('expected 1 inputs, got 0 (inputs: "x")');
    expect(() => net.forward({ z: ones([1, 2]) })).toThrow('unknown input "z"');
    expect(() => net.forward({})).toThrow(OptionError);
    expect(() => net.forward(ones([1, 3]))).toThrow(ShapeError);
    expect(() => net.forward(ones([2]))).toThrow("expected shape [batch,2], got [2]");
    expect(() => net.forward(ones([1, 2], { dtype: "int32" }))).toThrow(DTypeError);
    expect(() => net.forward([[1, 2]] as never)).toThrow(OptionError);
  });

  test("an error while computing names the node", async () => {
    const net = await importOnnx(
      model({
        nodes: [node("MatMul", ["x", "w"], ["y"], { name: "head" })],
        inputs: ["x"],
        outputs: ["y"],
        initializers: [tensorProto("w", [2, 2], [1, 2, 3, 4])],
      }),
    );
    expect(() => net.forward(ones([1, 3]))).toThrow(/MatMul "head": .*\[1,3\]/);
  });
});

describe("models that are not supported", () => {
  test("one error lists everything, with counts and the first node", async () => {
    const bytes = model({
      nodes: [
        node("Frobnicate", ["x"], ["a"], { name: "f1" }),
        node("Frobnicate", ["a"], ["b"], { name: "f2" }),
        node("Gadget", ["b"], ["c"], { name: "g", domain: "com.example" }),
        node("Relu", ["c"], ["d"], { name: "r", attributes: { slope: 3 } }),
        node("Loop", ["", "yes", "d"], ["y"], {
          name: "l",
          attributes: { body: graphAttribute(graph({ nodes: [], outputs: [] })) },
        }),
      ],
      inputs: ["x"],
      outputs: ["y"],
      initializers: [tensorProto("yes", [], [1], "bool")],
      domains: { "com.example": 1 },
    });
    const error = await importOnnx(bytes).catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    for (const part of ['Frobnicate (2, first "f1")', "com.example::Gadget", "Relu.slope", "Loop"]) {
      expect(error.message).toContain(part);
    }
  });

  test("quantised models and old opsets, in words", async () => {
    const quantised = model({
      nodes: [node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])],
      inputs: ["x"],
      outputs: ["y"],
    });
    await expect(importOnnx(quantised)).rejects.toThrow(/quantised models cannot be trained/);
    const old = model({ nodes: [node("Relu", ["x"], ["y"])], inputs: ["x"], outputs: ["y"], opset: 6 });
    await expect(importOnnx(old)).rejects.toThrow("opset: expected 7 to");
  });

  test("a range of a billion numbers is refused in bounded memory", async () => {
    const bytes = model({
      nodes: [node("Range", ["start", "end", "step"], ["r"]), node("Cast", ["r"], ["y"], { attributes: { to: 1 } })],
      outputs: ["y"],
      initializers: ["start", "end", "step"].map((name, i) => tensorProto(name, [], [[0, 1e9, 1][i]], "int64")),
    });
    const net = await importOnnx(bytes);
    expect(() => net.forward()).toThrow(/Range/);
  });
});

describe("round trips", () => {
  test.each([
    [
      "convolutions",
      () =>
        new nn.Sequential(
          new nn.Conv2d(3, 4, { kernelSize: 3, padding: 1 }),
          new nn.ReLU(),
          new nn.MaxPool2d(2),
          new nn.Flatten(),
          new nn.Linear(64, 5),
        ),
      [1, 3, 8, 8],
    ],
    [
      "batch norm",
      () => new nn.Sequential(new nn.Conv2d(3, 4, { kernelSize: 3 }), new nn.BatchNorm2d(4), new nn.SiLU()),
      [2, 3, 8, 8],
    ],
    [
      "autoencoder",
      () =>
        new nn.Sequential(
          new nn.Conv2d(3, 8, { kernelSize: 3, stride: 2, padding: 1 }),
          new nn.ReLU(),
          new nn.ConvTranspose2d(8, 3, { kernelSize: 2, stride: 2 }),
          new nn.Sigmoid(),
        ),
      [2, 3, 8, 8],
    ],
    ["layer norm", () => new nn.Sequential(new nn.Linear(6, 8), new nn.LayerNorm([8]), new nn.GELU()), [3, 5, 6]],
  ] as const)("%s: the same outputs and gradients", async (_, make, [batch, ...rest]) => {
    manualSeed(1);
    const own = make().eval();
    const bytes = exportOnnx(own, [rand([batch, ...rest])]);
    const net = (await importOnnx(bytes)).eval();
    expect(names(net).sort()).toEqual(names(own).sort());
    const x = rand([batch + 3, ...rest]);
    const [a, b] = [own.forward(x) as Tensor, net.forward(x)];
    expect(b.sub(a).abs().max().item()).toBeLessThan(1e-6 * a.abs().max().item());
    a.square().mean().backward();
    b.square().mean().backward();
    const grads = new Map(own.namedParameters());
    for (const [name, p] of net.namedParameters()) {
      const expected = grads.get(name)?.grad as Tensor;
      const scale = expected.abs().max().item();
      expect((p.grad as Tensor).sub(expected).abs().max().item()).toBeLessThanOrEqual(1e-5 * scale);
    }
  });
});

test("summary and text of a module", async () => {
  const net = await importOnnx(linear);
  expect(String(net)).toContain("x -> y, 2 nodes");
  expect(net.graph.inputs).toEqual([{ name: "x", dtype: "float32", elementType: "float", shape: ["batch", 2] }]);
  expect(net.graph.nodes.map(({ opType }) => opType)).toEqual(["MatMul", "Add"]);
});

describe("lists of tensors", () => {
  const split = (sizes: readonly number[] | number, places: readonly number[]) => {
    const dims = typeof sizes === "number" ? [] : [sizes.length];
    return model({
      nodes: [
        node("SplitToSequence", ["x", "sizes"], ["list"], { attributes: { axis: -1 } }),
        ...places.map((_, i) => node("SequenceAt", ["list", `place${i}`], [`y${i}`])),
      ],
      inputs: [value("x", ["batch", 5])],
      outputs: places.map((_, i) => `y${i}`),
      initializers: [
        tensorProto("sizes", dims, [sizes].flat(), "int64"),
        ...places.map((place, i) => tensorProto(`place${i}`, [], [place], "int64")),
      ],
    });
  };
  const x = tensor([[1, 2, 3, 4, 5]]);

  test("of split() with one size or several are slices", async () => {
    const chunks = await importOnnx<Record<string, Tensor>>(split(2, [2, 0]));
    const parts = chunks.forward(x);
    expect(Object.values(parts).map((part) => part.toArray())).toEqual([[[5]], [[1, 2]]]);
    const sizes = await importOnnx<Record<string, Tensor>>(split([1, 3, 1], [1, 2]));
    expect(Object.values(sizes.forward(x)).map((part) => part.toArray())).toEqual([[[2, 3, 4]], [[5]]]);
  });

  test("others are refused", async () => {
    await expect(importOnnx(split(2, [-1]))).rejects.toThrow(/SplitToSequence.*lists of tensors/);
    await expect(importOnnx(split([2, 3], [2]))).rejects.toThrow(/SequenceAt.*lists of tensors/);
  });
});

test("a length of -1 in a file may vary", async () => {
  const net = await importOnnx(
    model({ nodes: [node("Relu", ["x"], ["y"])], inputs: [value("x", [-1, 2])], outputs: ["y"] }),
  );
  expect(net.graph.inputs[0].shape).toEqual(["?", 2]);
  expect(net.forward(ones([3, 2])).shape).toEqual([3, 2]);
});

describe("outputs", () => {
  const bytes = model({
    nodes: [
      node("MatMul", ["x", "w"], ["features"]),
      node("Relu", ["features"], ["active"]),
      node("Add", ["active", "other"], ["sum"]),
      node("MatMul", ["sum", "head"], ["p"]),
      node("Loop", ["p"], ["y"]),
    ],
    inputs: [value("other", [1, 2]), value("x", ["batch", 2])],
    outputs: ["y"],
    initializers: [tensorProto("w", [2, 2], [1, -1, 2, -2]), tensorProto("head", [2, 1], [1, 1])],
  });
  const x = tensor([[1, 2]]);

  test("name values inside the graph; what they do not need is left out", async () => {
    await expect(importOnnx(bytes)).rejects.toThrow(/Loop/);
    const net = await importOnnx<Record<"features" | "active", Tensor>>(bytes, { outputs: ["active", "features"] });
    expect(net.graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(names(net)).toEqual(["w"]);
    const { active, features } = net.forward(x);
    expect([active.toArray(), features.toArray()]).toEqual([[[5, 0]], [[5, -5]]]);
    active.sum().backward();
    expect(net.parameters()[0].grad?.toArray()).toEqual([
      [1, 0],
      [2, 0],
    ]);
    const one = await importOnnx(bytes, { outputs: ["features"], trainable: "w" });
    expect(one.forward(x).toArray()).toEqual([[5, -5]]);
  });

  test("refuses unknown names, and other values", async () => {
    await expect(importOnnx(bytes, { outputs: ["z"] })).rejects.toThrow('no value "z"');
    for (const outputs of [[], "features", ["features", "features"], [1]]) {
      await expect(importOnnx(bytes, { outputs: outputs as never })).rejects.toThrow(OptionError);
    }
  });
});

test("the module does not keep the bytes of the file", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const importBytes = async () => {
    const bytes = exportOnnx(new nn.Sequential(new nn.Linear(30, 40), new nn.ReLU()).eval(), [rand([1, 30])]);
    return [await importOnnx(bytes), new WeakRef(bytes.buffer)] as const;
  };
  const [imported, bytes] = await importBytes();
  for (let i = 0; i < 20 && bytes.deref() !== undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5)); // weak references are strong until the next task
    collect();
  }
  expect(bytes.deref()).toBe(undefined);
  expect(imported.forward(rand([2, 30])).shape).toEqual([2, 40]);
});
