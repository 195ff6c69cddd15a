import { describe, expect, test } from "vitest";
import {
  arange,
  DTypeError,
  empty,
  emptyLike,
  eye,
  full,
  fullLike,
  linspace,
  type NestedValues,
  OptionError,
  ones,
  onesLike,
  ShapeError,
  tensor,
  zeros,
  zerosLike,
} from "wasmgrad";

describe("tensor", () => {
  test("shape, dtype and values of nested arrays", () => {
    const x = tensor([
      [1, 2.5, NaN],
      [-4, Infinity, 6],
    ]);
    expect(x.shape).toEqual([2, 3]);
    expect(x.dtype).toBe("float32");
    expect(x.toArray()).toEqual([
      [1, 2.5, NaN],
      [-4, Infinity, 6],
    ]);
  });

  test("a number is a scalar, empty arrays have a zero in their shape", () => {
    expect(tensor(7).shape).toEqual([]);
    expect(tensor(7).item()).toBe(7);
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
  });

  test("booleans make bool; mixed with numbers, float32", () => {
    const x = tensor([true, false]);
    expect([x.dtype, x.toArray()]).toEqual(["bool", [1, 0]]);
    const y = tensor([true, 2]);
    expect([y.dtype, y.toArray()]).toEqual(["float32", [1, 2]]);
    expect(tensor([2, 0, NaN], { dtype: "bool" }).toArray()).toEqual([1, 0, 1]);
  });

  test.each([
    [new Float32Array([1, -2]), "float32"],
    [new Float64Array([1, -2]), "float32"],
    [new Int8Array([1, -2]), "int32"],
    [new Int16Array([1, -2]), "int32"],
    [new Int32Array([1, -2]), "int32"],
    [new Uint8Array([1, 254]), "int32"],
    [new Uint8ClampedArray([1, 254]), "int32"],
    [new Uint16Array([1, 65534]), "int32"],
    [new Uint32Array([1, 2 ** 31 - 1]), "int32"],
  ])("%o becomes %s", (values, dtype) => {
    const x = tensor(values);
    expect([x.dtype, x.shape, x.toArray()]).toEqual([dtype, [2], Array.from(values)]);
    expect(tensor(values, { dtype: "float32", shape: [2, 1] }).toArray()).toEqual(
      Array.from(values, (v) => [Math.fround(v)]),
    );
    expect(tensor([values, values]).shape).toEqual([2, 2]);
  });

  test("Float64 values are rounded", () => {
    expect(tensor(new Float64Array([0.1])).item()).toBe(Math.fround(0.1));
  });

  test("the values are copied", () => {
    const values = new Float32Array([1, 2]);
    const x = tensor(values);
    values[0] = 9;
    expect(x.toArray()).toEqual([1, 2]);
  });

  test.each<[string, NestedValues]>([
    ["ragged rows", [[1, 2], [3]]],
    ["a number beside an array", [1, [2]]],
    ["an empty row beside another", [[], [1]]],
  ])("refuses %s", (_name, values) => {
    expect(() => tensor(values)).toThrow(ShapeError);
    expect(() => tensor(values)).toThrow("nested arrays must have equal lengths");
  });

  test.each<[string, unknown]>([
    ["a string", ["1"]],
    ["undefined", [1, undefined]],
    ["null", null],
    ["a bigint", [1n]],
    ["BigInt64Array", new BigInt64Array(2)],
    ["an object", { length: 2 }],
    ["a DataView", new DataView(new ArrayBuffer(8))],
  ])("refuses %s", (_name, values) => {
    expect(() => tensor(values as NestedValues)).toThrow(DTypeError);
  });

  test("refuses a shape that does not fit, or is none", () => {
    expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrow("shape [2,2] takes 4 values, got 3");
    expect(() => tensor([1, 2], { shape: [-2] })).toThrow(ShapeError);
    expect(() => tensor([1, 2], { shape: [1.5] })).toThrow(ShapeError);
    expect(() => tensor([1, 2], { shape: 2 as never })).toThrow(ShapeError);
  });

  test("int32 takes integers in range only", () => {
    expect(tensor([1, true], { dtype: "int32" }).toArray()).toEqual([1, 1]);
    for (const bad of [1.5, NaN, 2 ** 31, -Infinity]) {
      expect(() => tensor([0, bad], { dtype: "int32" })).toThrow(OptionError);
      expect(() => tensor(new Float64Array([0, bad]), { dtype: "int32" })).toThrow(`value 1 expected an integer`);
    }
    expect(() => tensor(new Uint32Array([2 ** 31]))).toThrow("got 2147483648");
  });

  test("refuses bad options", () => {
    expect(() => tensor([1], { dtype: "float64" as never })).toThrow(OptionError);
    // cspell:ignore requiresgrad
    expect(() => tensor([1], { requiresgrad: true } as never)).toThrow('unknown option "requiresgrad"');
    expect(() => tensor([1], { requiresGrad: 1 as never })).toThrow(OptionError);
    expect(() => tensor([1], { dtype: "int32", requiresGrad: true })).toThrow(DTypeError);
  });
});

describe("zeros, ones, full", () => {
  test("fill every element, also of odd and empty shapes", () => {
    for (const shape of [[], [1], [3], [2, 3, 5], [0, 4]]) {
      const size = shape.reduce((a, b) => a * b, 1);
      expect([...zeros(shape).data()]).toEqual(new Array(size).fill(0));
      expect([...ones(shape).data()]).toEqual(new Array(size).fill(1));
      expect([...full(shape, -2.5).data()]).toEqual(new Array(size).fill(-2.5));
      expect([...full(shape, -7, { dtype: "int32" }).data()]).toEqual(new Array(size).fill(-7));
    }
  });

  test("dtypes", () => {
    expect(ones([2], { dtype: "int32" }).data()).toEqual(Int32Array.of(1, 1));
    expect(ones([2], { dtype: "bool" }).dtype).toBe("bool");
    expect(full([1], true).dtype).toBe("bool");
    expect(full([1], NaN).item()).toBeNaN();
    expect(ones([2], { requiresGrad: true }).requiresGrad).toBe(true);
  });

  test("like another tensor", () => {
    const x = tensor([[1, 2]], { dtype: "int32" });
    expect([zerosLike(x).dtype, zerosLike(x).toArray()]).toEqual(["int32", [[0, 0]]]);
    expect([emptyLike(x).dtype, emptyLike(x).shape, empty([2]).dtype]).toEqual(["int32", [1, 2], "float32"]);
    expect([onesLike(x).dtype, onesLike(x).toArray()]).toEqual(["int32", [[1, 1]]]);
    expect(fullLike(x, 0.5, { dtype: "float32" }).toArray()).toEqual([[0.5, 0.5]]);
  });

  test("refuse bad shapes and values", () => {
    expect(() => zeros([2, -1])).toThrow(ShapeError);
    expect(() => ones([NaN])).toThrow(ShapeError);
    expect(() => zeros([1e300, 1e300, 0])).toThrow(ShapeError);
    expect(() => full([2], 1.5, { dtype: "int32" })).toThrow("value expected an integer");
    expect(() => full([2], 2, { dtype: "bool" })).toThrow(OptionError);
    expect(() => full([2], "1" as never)).toThrow(OptionError);
    expect(() => ones([2], { device: "cuda" } as never)).toThrow('unknown option "device"');
    expect(() => ones([2], { dtype: "int32", requiresGrad: true })).toThrow(DTypeError);
  });
});

describe("arange", () => {
  test("one, two and three numbers", () => {
    expect(arange(5).toArray()).toEqual([0, 1, 2, 3, 4]);
    expect(arange(2, 5).toArray()).toEqual([2, 3, 4]);
    expect(arange(5, -3, -3).toArray()).toEqual([5, 2, -1]);
    expect(arange(0).shape).toEqual([0]);
  });

  test("integers make int32, others float32, dtype decides", () => {
    expect(arange(3).dtype).toBe("int32");
    expect(arange(0, 1, 0.25).dtype).toBe("float32");
    expect(arange(3, { dtype: "float32", requiresGrad: true }).data()).toEqual(Float32Array.of(0, 1, 2));
  });

  test("computes in float64: no error grows along it", () => {
    const x = arange(0, 1000, 0.1);
    expect(x.shape).toEqual([10000]);
    expect(x.data()[9999]).toBe(Math.fround(999.9));
  });

  test("refuses a step that leads nowhere", () => {
    expect(() => arange(0, 5, 0)).toThrow("arange: step");
    expect(() => arange(0, 5, -1)).toThrow(OptionError);
    expect(() => arange(0, NaN)).toThrow(OptionError);
    expect(() => arange(0, 1, 0.5, { dtype: "int32" })).toThrow(OptionError);
    expect(() => arange(0, 2 ** 33, 2 ** 32)).toThrow("step expected an integer");
  });
});

test("linspace includes both ends", () => {
  expect(linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(linspace(-3, 0.1, 1).toArray()).toEqual([-3]);
  expect(linspace(0, 1, 0).shape).toEqual([0]);
  const x = linspace(0.1, 0.7, 1001).data();
  expect([x[0], x[500], x[1000]]).toEqual([Math.fround(0.1), Math.fround(0.4), Math.fround(0.7)]);
  expect(() => linspace(0, 1, -1)).toThrow(OptionError);
  expect(() => linspace(0, Infinity, 3)).toThrow(OptionError);
});

test("eye", () => {
  expect(eye(2).toArray()).toEqual([
    [1, 0],
    [0, 1],
  ]);
  expect(eye(2, 3, { dtype: "int32" }).toArray()).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ]);
  expect(eye(3, 1).toArray()).toEqual([[1], [0], [0]]);
  expect(eye(0).shape).toEqual([0, 0]);
  expect(() => eye(1.5)).toThrow(OptionError);
});
