/**
 * How the comparisons and copies of other libraries treat tensors: Vitest's and Node's deep equality, JSON,
 * structured clones.
 */
import assert from "node:assert";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { nn, scope, type Tensor, tensor, zeros } from "wasmgrad";
import { assertAllClose, type Comparable, matchers, type Tolerance } from "wasmgrad/testing";

const linear = (weight: number) => {
  const layer = new nn.Linear(1, 1);
  layer.weight.copy_(tensor([[weight]]));
  layer.bias?.copy_(tensor([0]));
  return layer;
};

const norm = (mean: number) => {
  const layer = new nn.BatchNorm2d(1);
  layer.runningMean?.copy_(tensor([mean]));
  return layer;
};

/** Pairs of equal values, which are made separately. */
const equal: [name: string, make: () => unknown][] = [
  ["float32", () => tensor([1, 2])],
  ["int32", () => tensor([1, 2], { dtype: "int32" })],
  ["bool", () => tensor([true, false])],
  ["NaN and infinities", () => tensor([Number.NaN, Infinity, -Infinity, -0])],
  ["a scalar", () => tensor(3)],
  ["no element", () => zeros([0, 3])],
  ["more elements than are printed", () => zeros([40, 50])],
  ["what an op made", () => tensor([1, 2], { requiresGrad: true }).mul(2)],
  ["of another scope", () => scope(() => tensor([1, 2]))],
  ["in arrays and objects", () => ({ list: [tensor([1]), { x: tensor([[2]]) }] })],
  ["a Map", () => new Map([["x", tensor([1])]])],
  ["a module", () => linear(0.5)],
  ["a network", () => new nn.Sequential(linear(0.5), norm(1))],
  ["a state dict", () => new nn.Sequential(linear(0.5), norm(1)).stateDict()],
  ["a parameter", () => new nn.Parameter(tensor([1, 2]))],
];

/** Pairs that must not count as equal. */
const different: [name: string, a: () => unknown, b: () => unknown][] = [
  ["a value", () => tensor([1, 2]), () => tensor([1, 3])],
  ["the last bit", () => tensor([1]), () => tensor([1 + 2 ** -23])],
  ["a value that is not printed", () => zeros([2000]), () => tensor(new Float32Array(2000).fill(1, 1000, 1001))],
  ["shape", () => tensor([1, 2]), () => tensor([[1, 2]])],
  ["shape without an element", () => zeros([0, 3]), () => zeros([0, 4])],
  ["dtype", () => tensor([1, 0]), () => tensor([1, 0], { dtype: "int32" })],
  ["bool and int32", () => tensor([true, false]), () => tensor([1, 0], { dtype: "int32" })],
  ["a tensor in an object", () => ({ x: [tensor([1])] }), () => ({ x: [tensor([2])] })],
  ["a value of a Map", () => new Map([["x", tensor([1])]]), () => new Map([["x", tensor([2])]])],
  ["a weight", () => linear(0.5), () => linear(0.25)],
  ["a weight of a network", () => new nn.Sequential(linear(0.5)), () => new nn.Sequential(linear(0.25))],
  ["a buffer", () => norm(1), () => norm(2)],
  ["a state dict", () => linear(0.5).stateDict(), () => linear(0.25).stateDict()],
  ["a state dict's buffer", () => norm(1).stateDict(), () => norm(2).stateDict()],
  ["a parameter", () => new nn.Parameter(tensor([1, 2])), () => new nn.Parameter(tensor([2, 1]))],
  ["a tensor and its numbers", () => tensor([1, 2]), () => [1, 2]],
  ["a tensor and an object", () => tensor([1, 2]), () => ({ shape: [2] })],
];

/** fast-deep-equal's rule (also react-fast-compare's) for an object of a class. */
function fastDeepEqual(a: object, b: object): boolean {
  if (a === b) return true;
  if (a.constructor !== b.constructor) return false;
  if (a.valueOf !== Object.prototype.valueOf) return a.valueOf() === b.valueOf();
  if (a.toString !== Object.prototype.toString) return a.toString() === b.toString();
  return false;
}

describe("deep equality", () => {
  test.each(equal)("%s: equal values are equal", (_, make) => {
    expect(make()).toEqual(make());
    expect(make()).toStrictEqual(make());
    expect(make()).toMatchObject(make() as object);
    assert.deepStrictEqual(make(), make());
    const same = make();
    expect(same).toEqual(same);
  });

  test.each(different)("%s: different values are not", (_, a, b) => {
    expect(a()).not.toEqual(b());
    expect(b()).not.toEqual(a());
    expect(a()).not.toStrictEqual(b());
    assert.notDeepStrictEqual(a(), b());
    assert.notDeepEqual(a(), b());
    expect(isDeepStrictEqual(b(), a())).toBe(false);
    expect(() => assert.deepStrictEqual(a(), b())).toThrow(assert.AssertionError);
    expect(() => expect(a()).toEqual(b())).toThrow(/expected .* to deeply equal/s);
  });

  test.each([
    ["a tensor", () => tensor([1, 2]), () => tensor([1, 3])],
    ["what prints the same", () => tensor([1.000001]), () => tensor([1.000002])],
    ["a module", () => linear(0.5), () => linear(0.25)],
  ])("%s: comparisons by toString() distinguish the two", (_, a, b) => {
    expect(fastDeepEqual(a(), b())).toBe(false);
    const same = a();
    expect(fastDeepEqual(same, same)).toBe(true);
  });

  test("a tensor's graph and memory do not matter for equality", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    x.mul(x).sum().backward();
    expect(x).toEqual(tensor([1, 2]));
    const twice = tensor([1, 2], { requiresGrad: true });
    twice.mul(2).sum().backward();
    const shared = twice.grad?.detach();
    twice.mul(2).sum().backward();
    expect([twice.grad, shared]).toEqual([tensor([4, 4]), tensor([2, 2])]);
    assert.deepStrictEqual(x, tensor([1, 2]));
  });

  test("a failure shows both tensors' numbers", () => {
    let message = "";
    try {
      assert.deepStrictEqual({ x: tensor([1, 2]) }, { x: tensor([1, 3]) });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain("float32 [2]: 1, 2");
    expect(message).toContain("float32 [2]: 1, 3");
  });

  test("a released tensor cannot be compared", () => {
    const released = () => {
      const x = tensor([1]);
      x.release();
      return x;
    };
    expect(() => assert.deepStrictEqual(released(), released())).toThrow(/used after its release/);
    expect(() => expect(released()).toEqual(released())).toThrow(/used after its release/);
  });
});

describe("copies", () => {
  const make = () =>
    tensor([
      [0.1, -0, Number.NaN],
      [Infinity, -Infinity, 3],
    ]);
  const restore = ({ dtype, shape, data }: ReturnType<Tensor["toJSON"]>) => tensor(data.map(Number), { dtype, shape });

  test("JSON has the numbers, exactly", () => {
    const json = JSON.parse(JSON.stringify({ x: make() })).x;
    expect(json).toEqual({
      dtype: "float32",
      shape: [2, 3],
      data: [Math.fround(0.1), "-0", "NaN", "Infinity", "-Infinity", 3],
    });
    assert.deepStrictEqual(restore(json), make());
  });

  test.each([
    ["int32", () => tensor([[-5], [2 ** 31 - 1]], { dtype: "int32" })],
    ["bool", () => tensor([true, false])],
    ["a scalar", () => tensor(2.5)],
    ["no element", () => zeros([0, 3])],
  ])("JSON: %s", (_, made) => {
    assert.deepStrictEqual(restore(JSON.parse(JSON.stringify(made()))), made());
  });

  test("JSON of a state dict loads again", () => {
    const model = new nn.Sequential(linear(0.1), norm(0.3));
    const json = JSON.parse(JSON.stringify(model.stateDict()));
    const state = Object.fromEntries(
      Object.entries(json).map(([name, value]) => [name, restore(value as ReturnType<Tensor["toJSON"]>)]),
    );
    const other = new nn.Sequential(linear(1), norm(1));
    other.loadStateDict(state);
    assert.deepStrictEqual(other.stateDict(), model.stateDict());
  });

  test.each([
    ["a tensor", () => make()],
    ["a tensor in an object", () => ({ list: [make()] })],
    ["a module", () => linear(1)],
    ["a state dict", () => linear(1).stateDict()],
  ])("structuredClone and postMessage throw: %s", (_, made) => {
    expect(() => structuredClone(made())).toThrow(/could not be cloned/);
    const { port1, port2 } = new MessageChannel();
    expect(() => port1.postMessage(made())).toThrow(/could not be cloned/);
    port1.close();
    port2.close();
  });
});

describe("toBeAllClose", () => {
  const cases: [name: string, pass: boolean, actual: Comparable, expected: Comparable, tolerance?: Tolerance][] = [
    ["equal", true, tensor([1, 2]), tensor([1, 2])],
    ["within rtol", true, tensor([1000]), [1000.009]],
    ["beyond rtol", false, tensor([1000]), [1000.02]],
    ["within atol", true, tensor([1e-4]), [0], { atol: 2e-4 }],
    ["beyond atol", false, tensor([1e-4]), [0]],
    ["the tolerance is the expected number's", false, tensor([0]), [1e-7], { rtol: 0.5 }],
    ["another shape", false, tensor([1, 2]), [[1, 2]]],
    ["another length", false, tensor([1, 2]), [1]],
    ["a typed array", true, tensor([1, 2]), new Float64Array([1, 2])],
    ["a number", true, tensor(2), 2],
    ["bool", true, tensor([true, false]), [true, false]],
    ["no element", true, zeros([0]), []],
    ["NaN", false, tensor([Number.NaN]), [Number.NaN]],
    ["NaN where allowed", true, tensor([Number.NaN]), [Number.NaN], { equalNan: true }],
    ["NaN for a number", false, tensor([Number.NaN]), [1], { equalNan: true, atol: 1e9 }],
    ["a number for NaN", false, tensor([1]), [Number.NaN], { equalNan: true, atol: 1e9 }],
    ["infinity", true, tensor([Infinity]), [Infinity]],
    ["the other infinity", false, tensor([Infinity]), [-Infinity], { rtol: 1 }],
    ["infinity for a number", false, tensor([Infinity]), [1e30], { rtol: 1 }],
    ["a number for infinity", false, tensor([1]), [Infinity], { rtol: 1 }],
    ["tensors of several shapes", true, [tensor([1]), tensor([1, 2])], [[1], [1, 2]]],
    ["one of several differs", false, [tensor([1]), tensor([1, 2])], [[1], [1, 3]]],
    ["a state dict", true, { "0.weight": tensor([1]) }, { "0.weight": tensor([1]) }],
    ["a value of a state dict", false, { a: tensor([1]), b: tensor([1]) }, { a: tensor([1]), b: tensor([2]) }],
    ["a name is missing", false, { a: tensor([1]) }, { a: tensor([1]), b: tensor([2]) }],
    ["a name too many", false, { a: tensor([1]), b: tensor([2]) }, { a: tensor([1]) }],
    ["what holds no numbers", false, "1" as unknown as number, [1]],
  ];

  test.each(cases)("%s", (_, pass, actual, expected, tolerance) => {
    expect(matchers.toBeAllClose(actual, expected, tolerance).pass).toBe(pass);
    const run = () => assertAllClose(actual, expected, tolerance);
    if (pass) run();
    else expect(run).toThrow(/^assertAllClose: /);
  });

  test("as a matcher, also with .not", () => {
    expect.extend(matchers);
    const check = (x: Tensor) =>
      expect(x) as unknown as { toBeAllClose(y: Comparable): void; not: { toBeAllClose(y: Comparable): void } };
    check(tensor([1, 2])).toBeAllClose([1, 2]);
    check(tensor([1, 2])).not.toBeAllClose([1, 3]);
    expect(() => check(tensor([1, 2])).not.toBeAllClose([1, 2])).toThrow("all 2 numbers are close");
    expect(() =>
      check(
        tensor([
          [1, 2],
          [3, 5],
        ]),
      ).toBeAllClose([
        [1, 2],
        [3, 4],
      ]),
    ).toThrow(
      "1 of 4 numbers are not close (rtol 0.00001, atol 1e-8); the largest difference is 1, at [1,1]: expected 4, got 5",
    );
  });

  test("refuses wrong options", () => {
    expect(() => matchers.toBeAllClose(tensor(1), 1, { rtol: -1 })).toThrow(/rtol/);
    expect(() => matchers.toBeAllClose(tensor(1), 1, { tol: 1 } as Tolerance)).toThrow(/tol/);
    expect(() => matchers.toBeAllClose(tensor(1), undefined as unknown as number)).toThrow(/got undefined/);
  });
});
