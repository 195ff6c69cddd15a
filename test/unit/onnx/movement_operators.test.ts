/**
 * Operators that move elements, read and write at positions, resize and draw: values on the host, gradients,
 * limits. Their results are compared with the onnx package's in node_tests.test.ts.
 */
import { describe, expect, test } from "vitest";
import { DataError, WasmgradError } from "../../../src/errors.ts";
import { manualSeed, scope, tensor } from "../../../src/index.ts";
import { HostValue, toHost, type Value } from "../../../src/onnx/host_value.ts";
import type { OnnxModule } from "../../../src/onnx/import/onnx_module.ts";
import { importOnnx } from "../../../src/onnx/index.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { type Attribute, float, model, node, tensorAttribute, tensorProto } from "../../support/onnx_model.ts";

type Attributes = Readonly<Record<string, Attribute>>;

/** A model of one node, with inputs in the places of those that are not null. */
async function importNode(
  opType: string,
  inputs: readonly (Value | null)[],
  attributes: Attributes = {},
  outputs = 1,
): Promise<OnnxModule> {
  const names = inputs.map((value, i) => (value === null ? "" : `x${i}`));
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const bytes = model({
    nodes: [node(opType, names, results, { attributes })],
    inputs: names.filter((name) => name !== ""),
    outputs: results,
    opset: 21,
  });
  return (await importOnnx(bytes)).eval();
}

const given = (inputs: readonly (Value | null)[]) => inputs.filter((value) => value !== null);

/** The outputs of a node. */
async function run(
  opType: string,
  inputs: readonly (Value | null)[],
  attributes?: Attributes,
  outputs?: number,
): Promise<Value[]> {
  return (await importNode(opType, inputs, attributes, outputs)).evaluate(given(inputs));
}

const ints = (...data: number[]) => new HostValue([data.length], data, "int64");
const floats = (...data: number[]) => new HostValue([data.length], data, "float");
const sizeOf = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** Numbers of a deterministic sequence in [-1, 1). */
function noise(count: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 30 - 1;
  });
}

const random = (shape: number[], seed = 1) => tensor(Float32Array.from(noise(sizeOf(shape), seed)), { shape });

/**
 * Nodes whose first input only has its elements moved: dims of it, further inputs, attributes, number of
 * outputs.
 */
const MOVES: [op: string, dims: number[], more: (Value | null)[], attributes?: Attributes, outputs?: number][] = [
  ["Reshape", [2, 6], [ints(3, -1)]],
  ["Flatten", [2, 3, 2], [], { axis: 2 }],
  ["Squeeze", [2, 1, 3], []],
  ["Unsqueeze", [2, 3], [ints(0, -1)]],
  ["Transpose", [2, 3, 4], [], { perm: [2, 0, 1] }],
  ["Split", [2, 5], [ints(2, 3)], { axis: 1 }, 2],
  ["Split", [7], [], { num_outputs: 3 }, 3],
  ["Slice", [4, 6], [ints(3, -2), ints(-5, 1), ints(0, 1), ints(-2, -1)]],
  ["Slice", [4, 6], [ints(1), ints(2 ** 63), ints(-1), ints(2)]],
  ["Slice", [4], [ints(9), ints(-(2 ** 63)), ints(0), ints(-1)]],
  ["Expand", [3, 1], [ints(2, 1, 4)]],
  ["Tile", [2, 3], [ints(2, 3)]],
  ["Identity", [3], []],
  ["Pad", [2, 3], [ints(1, 2, 0, 1), null], { mode: "edge" }],
  ["Pad", [4, 3], [ints(-1, 2, -2, 1), null], { mode: "reflect" }],
  ["Pad", [4], [ints(2, 3), null], { mode: "wrap" }],
  ["DepthToSpace", [1, 8, 2, 1], [], { blocksize: 2, mode: "CRD" }],
  ["SpaceToDepth", [1, 2, 4, 2], [], { blocksize: 2 }],
  ["ReverseSequence", [3, 2, 2], [ints(2, 3)]],
  ["Gather", [4, 3], [new HostValue([2, 2], [0, -1, 2, 2], "int64")], { axis: 1 }],
  ["Gather", [4, 3], [new HostValue([], [-2], "int64")]],
  ["GatherElements", [3, 2], [new HostValue([2, 2], [0, -1, 2, 1], "int64")]],
  ["GatherND", [2, 3, 2], [new HostValue([2, 1], [1, -1], "int64")], { batch_dims: 1 }],
  ["Compress", [2, 3], [new HostValue([3], [1, 0, 1], "bool")], { axis: 1 }],
];

describe("values on the host", () => {
  test.each(MOVES)("%s %j: as the kernels, and exact beyond int32", async (op, dims, more, attributes, outputs) => {
    const data = Array.from({ length: sizeOf(dims) }, (_, i) => i);
    const far = 2 ** 40 + 1;
    const inTensors = await run(op, [tensor(Int32Array.from(data), { shape: dims }), ...more], attributes, outputs);
    const values = new HostValue(
      dims,
      data.map((i) => far + i),
      "int64",
    );
    const results = (await run(op, [values, ...more], attributes, outputs)) as HostValue[];
    for (const [i, moved] of inTensors.entries()) {
      const host = toHost(moved);
      expect(moved).toBeInstanceOf(Tensor);
      expect(results[i]).toBeInstanceOf(HostValue);
      expect(results[i].type).toBe("int64");
      expect([results[i].dims, results[i].data]).toEqual([host.dims, host.data.map((x) => far + x)]);
    }
  });

  test("elements that are added stay what they are", async () => {
    const far = 2 ** 41;
    const value = new HostValue([], [far], "int64");
    const [padded] = (await run("Pad", [ints(far + 1), ints(1, 1), value])) as HostValue[];
    expect(padded.data).toEqual([far, far + 1, far]);
    const [triangle] = (await run("Trilu", [new HostValue([2, 2], [far, 1, 2, far], "int64")], {
      upper: 0,
    })) as HostValue[];
    expect(triangle.data).toEqual([far, 0, 2, far]);
  });

  test.each([
    ["none", [5, 2 ** 40, 7]],
    ["add", [2 ** 40 + 5 + 10, 2 ** 40 + 20, 30 + 7]],
    ["max", [2 ** 40, 2 ** 40, 30]],
    ["min", [5, 20, 7]],
  ])("ScatterElements %s of int64", async (reduction, expected) => {
    const inputs = [ints(10, 20, 30), ints(0, 1, 2, 0), ints(2 ** 40, 2 ** 40, 7, 5)];
    const [y] = (await run("ScatterElements", inputs, { reduction })) as HostValue[];
    expect(y.data).toEqual(expected);
  });

  test("what does not fit on the host is a tensor", async () => {
    const [y] = (await run("Expand", [ints(1, 2), ints(40_000, 2)])) as Tensor[];
    expect([y.dtype, y.shape]).toEqual(["int32", [40_000, 2]]);
    const [range] = (await run(
      "Range",
      [0, 70_000, 1].map((x) => new HostValue([], [x], "int64")),
    )) as Tensor[];
    expect([range.shape, range.select(0, -1).item()]).toEqual([[70_000], 69_999]);
  });
});

const places = new HostValue([2, 3], [0, 2, 0, 1, 1, -1], "int64");
const grid = tensor(Float32Array.from(noise(24, 9)), { shape: [1, 3, 4, 2] });

/** Nodes with the shapes of their float inputs, of which the first ones get gradients, and other inputs. */
const GRADIENTS: [op: string, shapes: number[][], more: (Value | null)[], attributes?: Attributes][] = [
  ["Gather", [[4, 3]], [places], { axis: 1 }],
  ["GatherND", [[3, 2, 2]], [new HostValue([2, 2], [0, 1, -1, 1], "int64")]],
  ["Pad", [[3, 4]], [ints(1, -1, 2, 1), null], { mode: "reflect" }],
  ["CenterCropPad", [[4, 3]], [ints(3, 6)]],
  ["TopK", [[2, 4]], [ints(2)]],
  ["Resize", [[1, 1, 3, 4]], [null, null, ints(1, 1, 5, 3)], { mode: "linear" }],
  ["Resize", [[1, 1, 4, 4]], [null, floats(1, 1, 0.5, 0.75)], { mode: "cubic", antialias: 1 }],
  ["Resize", [[2, 5]], [null, floats(1, 1.6)], { mode: "cubic", exclude_outside: 1, cubic_coeff_a: float(-0.5) }],
  ["Resize", [[1, 2, 3, 2]], [null, floats(1, 1, 2, 2)], { nearest_mode: "ceil" }],
  [
    "Resize",
    [[1, 1, 4, 4]],
    [floats(0, 0, 0.4, 0.6, 1, 1, 0.6, 1.2), null, ints(1, 1, 3, 3)],
    { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 5 },
  ],
  ["GridSample", [[1, 2, 4, 3]], [grid], { align_corners: 1 }],
  [
    "RoiAlign",
    [[2, 2, 6, 6]],
    [new HostValue([2, 4], [0, 1, 4, 5, 2, 0, 5.5, 3], "float"), ints(1, 0)],
    { output_height: 2, output_width: 2 },
  ],
  ["Col2Im", [[1, 8, 9]], [ints(4, 4), ints(2, 2)]],
  ["DFT", [[1, 7, 2]], []],
  ["DFT", [[1, 4, 2]], [ints(6)], { inverse: 1, onesided: 1 }],
  ["STFT", [[1, 9, 1]], [new HostValue([], [2], "int64"), floats(0.5, 1, 1, 0.5)]],
];

/** The sum of the first output times fixed weights. */
function weightedSum(model: OnnxModule, inputs: readonly (Value | null)[]): Tensor {
  const [y] = model.evaluate(given(inputs)) as Tensor[];
  return y.mul(random([...y.shape], 5)).sum();
}

async function expectGradients(op: string, inputs: (Value | null)[], attributes?: Attributes): Promise<void> {
  const model = await importNode(op, inputs, attributes);
  const trained = inputs.filter((x) => x instanceof Tensor && x.requiresGrad) as Tensor[];
  scope(() => {
    weightedSum(model, inputs).backward();
    for (const x of trained) expectSlopes(x, () => weightedSum(model, inputs));
  });
}

const trainable = (shape: number[], seed: number): Tensor => {
  const x = random(shape, seed);
  x.requiresGrad = true;
  return x;
};

describe("gradients equal central differences", () => {
  test.each(GRADIENTS)("%s %j", async (op, shapes, more, attributes) => {
    await expectGradients(op, [...shapes.map((shape, i) => trainable(shape, i + 2)), ...more], attributes);
  });

  test.each(["none", "add", "mul", "max", "min"])("scattering, reduction %s", async (reduction) => {
    const index = reduction === "none" ? new HostValue([2, 3], [0, 2, 1, 1, 3, -4], "int64") : places;
    await expectGradients("ScatterElements", [trainable([4, 4], 2), index, trainable([2, 3], 3)], {
      axis: 1,
      reduction,
    });
    const rows = new HostValue([3, 1], reduction === "none" ? [1, -1, 0] : [1, -1, 1], "int64");
    await expectGradients("ScatterND", [trainable([4, 2], 2), rows, trainable([3, 2], 4)], { reduction });
  });
});

/** Compares x.grad with central differences of `f`, for which the elements of x are changed in place. */
function expectSlopes(x: Tensor, f: () => Tensor): void {
  const gradient = x.grad?.data() as Float32Array;
  const values = Float32Array.from(x.data());
  const step = 2 ** -9;
  for (let i = 0; i < values.length; i++) {
    const [low, high] = [-step, step].map((by) => {
      const changed = Float32Array.from(values);
      changed[i] += by;
      x.requiresGrad = false;
      x.copy_(tensor(changed, { shape: [...x.shape] }));
      return f().item();
    });
    expect(Math.abs((high - low) / (2 * step) - gradient[i])).toBeLessThan(2e-3 * (1 + Math.abs(gradient[i])));
  }
  x.copy_(tensor(values, { shape: [...x.shape] }));
}

describe("random numbers", () => {
  test("come from the library's generator", async () => {
    const model = await importNode("RandomNormal", [], { shape: [4], mean: float(3), scale: float(0.5) });
    const draw = () => toHost(model.evaluate([])[0]).data;
    manualSeed(3);
    const first = draw();
    expect(draw()).not.toEqual(first);
    manualSeed(3);
    expect(draw()).toEqual(first);
  });

  test("Dropout follows training, whatever the file says", async () => {
    const [ratio, always] = [new HostValue([], [0.25], "float"), new HostValue([], [1], "bool")];
    const x = tensor(Float32Array.from({ length: 2000 }, () => 3));
    const model = await importNode("Dropout", [x, ratio, always], {}, 2);
    const [same, all] = model.evaluate([x, ratio, always]) as Tensor[];
    expect(same.data()).toEqual(x.data());
    expect(all.all().item()).toBe(1);
    model.train();
    const [y, mask] = model.evaluate([x, ratio, always]) as Tensor[];
    expect(y.data()).toEqual(mask.float().mul(4).data());
    expect(mask.float().mean().item()).toBeCloseTo(0.75, 1);
  });
});

describe("bad values give typed errors", () => {
  const scalar = (x: number, type: "int64" | "float" = "int64") => new HostValue([], [x], type);
  const x = tensor(Float32Array.from(noise(24)), { shape: [2, 3, 4] });
  const image = x.reshape([1, 2, 3, 4]);
  const HOSTILE: [op: string, inputs: (Value | null)[], attributes?: Attributes, outputs?: number][] = [
    ["Reshape", [x, ints(5, -1)]],
    ["Reshape", [x, ints(-1, -1)]],
    ["Squeeze", [x, ints(0)]],
    ["Unsqueeze", [x, ints(9)]],
    ["Transpose", [x], { perm: [0, 0, 1] }],
    ["Concat", [x, image], { axis: 0 }],
    ["Split", [x], { num_outputs: 2 ** 40 }, 2],
    ["Split", [x, ints(1, 2)], {}, 2],
    ["Slice", [x, ints(0), ints(1), ints(0), ints(0)]],
    ["Expand", [x, ints(3, 3, 4)]],
    ["Tile", [x, ints(1, -1, 1)]],
    ["Range", [scalar(0), scalar(1e9), scalar(1)]],
    ["Range", [scalar(0), scalar(1), scalar(0)]],
    ["Range", [scalar(0, "float"), scalar(1e9, "float"), scalar(1, "float")]],
    ["ConstantOfShape", [ints(-1)]],
    ["ConstantOfShape", [ints(2 ** 40, 2 ** 12)]],
    ["ConstantOfShape", [ints(2 ** 40)], { value: tensorAttribute(tensorProto("v", [1], [1], "int64")) }],
    ["OneHot", [ints(0), scalar(2 ** 40), ints(0, 1)]],
    ["HannWindow", [scalar(2 ** 40)]],
    ["Pad", [x, ints(1, 2)]],
    ["Pad", [x, ints(0, 0, 9, 0, 0, 9), null], { mode: "reflect" }],
    ["Pad", [x, ints(0, 0, 2 ** 40, 0, 0, 2 ** 40)]],
    ["DepthToSpace", [image], { blocksize: 3 }],
    ["SpaceToDepth", [image], { blocksize: 2 }],
    ["ReverseSequence", [x, ints(3, 9, 1)]],
    ["Gather", [x, ints(2)]],
    ["Gather", [ints(1, 2), ints(-3)]],
    ["GatherElements", [x, new HostValue([1, 1, 1], [7], "int64")]],
    ["GatherND", [x, new HostValue([1, 2], [0, 3], "int64")]],
    ["GatherND", [x, new HostValue([1, 4], [0, 0, 0, 0], "int64")]],
    ["ScatterND", [x, new HostValue([1, 1], [5], "int64"), x.narrow(0, 0, 1)]],
    ["ScatterND", [x, new HostValue([1, 1], [0], "int64"), x]],
    ["ScatterElements", [x, new HostValue([1, 1, 1], [2], "int64"), x]],
    ["TopK", [x, ints(9)]],
    ["Compress", [x, new HostValue([3], [1, 1, 1], "bool")], { axis: 0 }],
    ["Col2Im", [tensor([[[1]]]), ints(2 ** 40, 2 ** 40), ints(1, 1)]],
    ["Resize", [image, null, null, ints(1, 2, 2 ** 40, 4)]],
    ["Resize", [image, null, floats(1, 1, -2, 1)]],
    ["Resize", [image, null, null, ints(1, 2)]],
    ["Resize", [image]],
    ["RoiAlign", [image, new HostValue([1, 4], [0, 0, 1e9, 1e9], "float"), ints(0)]],
    ["RoiAlign", [image, new HostValue([1, 4], [0, 0, 1, 1], "float"), ints(3)]],
    ["RoiAlign", [image, new HostValue([1, 4], [0, 0, 1, 1], "float"), ints(0)], { output_height: 2 ** 40 }],
    ["DFT", [x.reshape([3, 4, 2]), ints(2 ** 30)]],
    ["STFT", [x.reshape([1, 24, 1]), scalar(0), null, ints(4)]],
    ["STFT", [x.reshape([1, 24, 1]), scalar(1), null, ints(25)]],
    ["Dropout", [x, scalar(1, "float")]],
  ];
  test.each(HOSTILE)("%s %#", async (op, inputs, attributes, outputs) => {
    const error: unknown = await run(op, inputs, attributes, outputs).catch((reason) => reason);
    expect(error).toBeInstanceOf(WasmgradError);
    // the importer makes DataErrors of JavaScript's own errors: operators do not rely on it
    expect((error as Error).message).not.toContain(" failed: ");
  });
});

describe("refusals say why", () => {
  test.each([
    ["QLinearConv", {}, "quantised"],
    ["Loop", {}, "loops"],
    ["Scan", { num_scan_inputs: 1 }, "loops"],
    ["SequenceAt", {}, "lists of tensors"],
    ["StringNormalizer", {}, "strings"],
    ["Pad", { mode: "mirror" }, "mode mirror"],
    ["Resize", { mode: "area" }, "mode area"],
    ["ScatterND", { reduction: "mean" }, "reduction mean"],
    ["RoiAlign", { mode: "max" }, "mode max"],
    ["EyeLike", { dtype: 8 }, "dtype string"],
  ] as [string, Attributes, string][])("%s %j", async (op, attributes, reason) => {
    const imported = importNode(op, [tensor([1])], attributes);
    await expect(imported).rejects.toThrow(DataError);
    await expect(imported).rejects.toThrow(op);
    await expect(imported).rejects.toThrow(reason);
  });
});
