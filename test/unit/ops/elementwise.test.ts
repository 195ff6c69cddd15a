/** Elementwise ops: dtypes, NaN, ties and bad arguments. The case tables check their values. */
import { describe, expect, test } from "vitest";
import {
  add,
  DTypeError,
  div,
  maximum,
  minimum,
  nn,
  OptionError,
  pow,
  ShapeError,
  sub,
  type Tensor,
  tensor,
  where,
  zeros,
} from "wasmgrad";

const F = nn.functional;
const ints = (...values: number[]) => tensor(Int32Array.from(values));
const untyped = <T>(value: unknown) => value as T;

describe("type promotion is PyTorch's", () => {
  const operands: Record<string, Tensor> = {
    float32: tensor([1, 2]),
    int32: ints(1, 2),
    bool: tensor([true, false]),
  };

  test.each([
    ["float32", "float32", "float32"],
    ["float32", "int32", "float32"],
    ["int32", "float32", "float32"],
    ["bool", "float32", "float32"],
    ["float32", "bool", "float32"],
    ["int32", "int32", "int32"],
    ["int32", "bool", "int32"],
    ["bool", "bool", "bool"],
  ])("%s with %s gives %s", (a, b, expected) => {
    for (const method of ["add", "mul", "maximum", "minimum"] as const) {
      expect(operands[a][method](operands[b]).dtype).toBe(expected);
    }
    expect(operands[a].div(operands[b]).dtype).toBe("float32");
    expect(operands[a].lt(operands[b]).dtype).toBe("bool");
    expect(where(tensor([true, false]), operands[a], operands[b]).dtype).toBe(expected);
  });

  test("an integer operand keeps int32, a fraction makes float32", () => {
    expect(ints(1, 2).add(1).dtype).toBe("int32");
    expect(ints(1, 2).mul(0.5).toArray()).toEqual([0.5, 1]);
    expect(ints(1, 2).add(2 ** 31).dtype).toBe("float32");
    expect(tensor([true, false]).add(1).dtype).toBe("int32");
    expect(tensor([1.5]).add(1).dtype).toBe("float32");
    expect(ints(1, 2).gt(1.5).toArray()).toEqual([0, 1]);
  });

  test("functions of integers give float32, except those whose results are integers", () => {
    expect(ints(0, 4).sqrt().toArray()).toEqual([0, 2]);
    for (const name of ["relu", "abs", "square", "sign", "floor", "neg"] as const) {
      expect(ints(-3, 2)[name]().dtype).toBe("int32");
    }
    expect(ints(-3, 0, 2).abs().toArray()).toEqual([3, 0, 2]);
    expect(ints(-3, 0, 2).sign().toArray()).toEqual([-1, 0, 1]);
    expect(ints(-3, 0, 2).clamp({ min: -1 }).toArray()).toEqual([-1, 0, 2]);
    expect(ints(-3, 0, 2).clamp({ max: 0.5 }).toArray()).toEqual([-3, 0, 0.5]);
  });

  test("conversions", () => {
    expect(tensor([-1.9, 1.9, NaN, 1e20]).int().toArray()).toEqual([-1, 1, 0, 2147483647]);
    expect(tensor([0, -0, 0.1, NaN]).bool().toArray()).toEqual([0, 0, 1, 1]);
    expect(ints(-2, 0, 7).bool().toArray()).toEqual([1, 0, 1]);
    expect(ints(-2, 0, 7).float().toArray()).toEqual([-2, 0, 7]);
    expect(tensor([true, false]).int().dtype).toBe("int32");
    const x = tensor([1]);
    expect(x.float()).toBe(x);
    for (const other of ["half", "double"] as const) expect(() => x[other]()).toThrow(/use float\(\)/);
  });

  test("bools: add is or, mul is and", () => {
    const [a, b] = [tensor([false, false, true, true]), tensor([false, true, false, true])];
    expect(a.add(b).toArray()).toEqual([0, 1, 1, 1]);
    expect(a.mul(b).toArray()).toEqual([0, 0, 0, 1]);
    expect(a.logicalXor(b).toArray()).toEqual([0, 1, 1, 0]);
    expect(a.logicalNot().toArray()).toEqual([1, 1, 0, 0]);
    expect(
      tensor([0, 2, NaN])
        .logicalAnd(tensor([1, 1, 1]))
        .toArray(),
    ).toEqual([0, 1, 1]);
    expect(ints(0, 2).logicalOr(tensor([0, 0])).dtype).toBe("bool");
  });
});

describe("numbers on either side", () => {
  test.each([
    ["add", add(2, tensor([1])), 3],
    ["sub", sub(2, tensor([1])), 1],
    ["div", div(1, tensor([4])), 0.25],
    ["pow", pow(2, tensor([3])), 8],
    ["maximum", maximum(2, tensor([1])), 2],
    ["minimum", minimum(tensor([1]), 2), 1],
    ["where", where(tensor([true]), 1, 0), 1],
  ])("%s", (_name, result, expected) => {
    expect(result.toArray()).toEqual([expected]);
  });
});

describe("NaN and ties", () => {
  test("a NaN is never lost", () => {
    const [a, b] = [tensor([NaN, 1, NaN]), tensor([1, NaN, NaN])];
    expect(maximum(a, b).toArray()).toEqual([NaN, NaN, NaN]);
    expect(minimum(a, b).toArray()).toEqual([NaN, NaN, NaN]);
    expect(a.relu().toArray()).toEqual([NaN, 1, NaN]);
    expect(a.clamp({ min: -1, max: 1 }).toArray()).toEqual([NaN, 1, NaN]);
    expect(
      tensor([NaN])
        .mul(tensor([false]))
        .item(),
    ).toBeNaN();
  });

  test("isNaN, isFinite and comparisons", () => {
    const x = tensor([NaN, Infinity, -Infinity, 0]);
    expect(x.isNaN().toArray()).toEqual([1, 0, 0, 0]);
    expect(x.isFinite().toArray()).toEqual([0, 0, 0, 1]);
    expect(x.eq(x).toArray()).toEqual([0, 1, 1, 1]);
    expect(ints(1).isFinite().toArray()).toEqual([1]);
  });

  /** The gradient of x in the sum of the result. */
  function gradient(values: number[], run: (x: Tensor) => Tensor): unknown {
    const x = tensor(values, { requiresGrad: true });
    run(x).sum().backward();
    return x.grad?.toArray();
  }

  test("gradients at ties, bounds and NaN are PyTorch's", () => {
    expect(gradient([0, 1, 2], (x) => maximum(x, 1))).toEqual([0, 0.5, 1]);
    expect(gradient([0, 1, 2], (x) => minimum(x, 1))).toEqual([1, 0.5, 0]);
    expect(gradient([-1, 0, NaN], (x) => x.relu())).toEqual([0, 0, 1]);
    expect(gradient([-1, 0, 0.5, 1, 2], (x) => x.clamp({ min: 0, max: 1 }))).toEqual([0, 0, 1, 0, 0]);
    expect(gradient([-2, 0, 2], (x) => x.abs())).toEqual([-1, 0, 1]);
    expect(gradient([0, 2], (x) => x.pow(0))).toEqual([0, 0]);
    expect(gradient([0, 2], (x) => x.pow(3))).toEqual([0, 12]);
    expect(gradient([0, 2], (x) => pow(0, x))).toEqual([0, 0]);
    expect(gradient([0.4, 2.6], (x) => x.round())).toEqual([0, 0]);
  });

  test("masks and integers get no gradient, and other operands still do", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const result = x.mul(tensor([true, false])).add(ints(1, 2));
    expect(x.gt(1).requiresGrad).toBe(false);
    result.sum().backward();
    expect(x.grad?.toArray()).toEqual([1, 0]);
  });

  test("one operand on both sides", () => {
    const x = tensor([3], { requiresGrad: true });
    x.mul(x).add(x).backward();
    expect(x.grad?.item()).toBe(7);
  });
});

describe("bad input", () => {
  test("shapes that do not broadcast", () => {
    const [a, b] = [zeros([2, 3]), zeros([2, 4])];
    expect(() => a.add(b)).toThrow(ShapeError);
    expect(() => a.add(b)).toThrow("add: shapes [2,3] and [2,4] cannot be broadcast together");
    expect(() => a.lt(b)).toThrow("lt: shapes [2,3] and [2,4]");
    expect(() => where(a.gt(0), b, 0)).toThrow("where: shapes [2,3] and [2,4] and []");
    expect(() => zeros([0]).mul(zeros([2]))).toThrow(ShapeError);
  });

  test("operands that are neither tensors nor numbers", () => {
    const x = zeros([2]);
    for (const other of [undefined, null, "1", true, [1, 2]]) {
      expect(() => x.add(untyped(other))).toThrow(DTypeError);
      expect(() => maximum(untyped(other), x)).toThrow("maximum: expected a tensor or a number, got");
      expect(() => x.where(x.gt(0), untyped(other))).toThrow(DTypeError);
    }
    expect(() => x.logicalAnd(untyped(undefined))).toThrow(DTypeError);
  });

  test("dtypes without a meaning", () => {
    const mask = tensor([true, false]);
    expect(() => mask.sub(mask)).toThrow(DTypeError);
    expect(() => mask.pow(mask)).toThrow(DTypeError);
    expect(() => where(tensor([1, 0]), 1, 2)).toThrow("where: condition expected bool, got float32 of shape [2]");
    expect(() => ints(2).pow(-1)).toThrow(OptionError);
    expect(() => zeros([1]).to(untyped("float64"))).toThrow(
      'to: dtype expected one of float32, int32, bool, got "float64"',
    );
  });

  test("options", () => {
    const x = zeros([1]);
    expect(() => F.leakyRelu(x, { negativeSlope: NaN })).toThrow(OptionError);
    expect(() => F.elu(x, { alpha: Infinity })).toThrow(OptionError);
    // cspell:ignore apha
    expect(() => F.elu(x, untyped({ apha: 1 }))).toThrow('elu: unknown option "apha" (known: alpha)');
    expect(() => F.gelu(x, { approximate: untyped("erf") })).toThrow("gelu: approximate expected one of none, tanh");
    expect(() => F.softplus(x, { beta: 0 })).toThrow(OptionError);
    expect(() => F.softplus(x, { threshold: NaN })).toThrow(OptionError);
    expect(() => x.clamp({})).toThrow("clamp: expected min, max or both");
    expect(() => x.clamp({ min: NaN })).toThrow(OptionError);
    expect(() => x.clamp(untyped(undefined))).toThrow(OptionError);
    expect(() => x.clamp({ max: untyped("1") })).toThrow(OptionError);
  });
});
