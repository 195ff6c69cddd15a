/**
 * Properties of shape ops, indexing and dropout that the case tables do not check: dtypes, sharing,
 * statistics, bad input.
 */
import { describe, expect, test } from "vitest";
import {
  arange,
  cat,
  DTypeError,
  Generator,
  getRngState,
  manualSeed,
  nn,
  OptionError,
  ones,
  rand,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";

const F = nn.functional;
const ints = (values: number[]) => tensor(values, { dtype: "int32" });

describe("dtypes", () => {
  test("shape ops keep int32 and bool, bits included", () => {
    const x = arange(12).reshape([3, 4]);
    const results = [x.t(), x.slice(1, 0, 4, 2), x.flip(0), x.expand([2, 3, 4]), cat([x, x]), x.select(0, 1), x.triu()];
    expect(results.map(({ dtype }) => dtype)).toEqual(new Array(results.length).fill("int32"));
    expect(x.t().toArray()).toEqual([0, 1, 2, 3].map((j) => [j, j + 4, j + 8]));
    expect(F.pad(x, [0, 1], { value: -7 }).index(0).toArray()).toEqual([0, 1, 2, 3, -7]);
    expect(ints([2147483647, -1, 0x7fc00001]).flip(0).toArray()).toEqual([0x7fc00001, -1, 2147483647]);
    expect(x.gt(5).flip([0, 1]).dtype).toBe("bool");
    expect(x.indexSelect(0, ints([2, 2])).toArray()).toEqual([
      [8, 9, 10, 11],
      [8, 9, 10, 11],
    ]);
  });
});

describe("sharing", () => {
  test("reshape shares the memory; other ops and clone do not", () => {
    const x = zeros([2, 3]);
    const shared = [x.reshape([6]), x.view([3, 2]), x.flatten(), x.unsqueeze(0), x.squeeze()];
    const copies = [x.clone(), x.t(), x.permute([0, 1]), x.narrow(0, 0, 2), x.expand([2, 3])];
    x.copy_(ones([2, 3]));
    for (const y of shared) expect([...y.data()]).toEqual([1, 1, 1, 1, 1, 1]);
    for (const y of copies) expect([...y.data()]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("the gradients of parts are added in the whole tensor", () => {
    const x = tensor([1, 2, 3, 4], { requiresGrad: true });
    const [a, b] = x.chunk(2);
    a.mul(b)
      .add(x.index(3))
      .add(x.slice(0, 0, 4, 2))
      .sum()
      .backward();
    expect(x.grad?.toArray()).toEqual([4, 4, 2, 4]);
  });

  test("a gradient passes through reshape and clone more than once", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    x.reshape([2, 1])
      .clone()
      .add(x.view([2, 1]))
      .sum()
      .backward();
    x.clone().sum().backward();
    expect(x.grad?.toArray()).toEqual([3, 3]);
  });
});

describe("large permutations agree with a plain loop", () => {
  test.each([
    [
      [64, 33, 70],
      [2, 1, 0],
    ],
    [
      [5, 128, 128],
      [0, 2, 1],
    ],
    [
      [3, 17, 9, 65],
      [3, 0, 2, 1],
    ],
  ])("%j by %j", (shape, dims) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const x = arange(size).reshape(shape);
    const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
    const result = dims.map((d) => shape[d]);
    const expected = Int32Array.from({ length: size }, (_, i) => {
      let rest = i;
      let from = 0;
      for (let d = result.length - 1; d >= 0; d--) {
        from += (rest % result[d]) * strides[dims[d]];
        rest = Math.floor(rest / result[d]);
      }
      return from;
    });
    expect(x.permute(dims).data()).toEqual(expected);
  });
});

describe("bad input", () => {
  const x = zeros([2, 3]);
  const cases: [string, () => unknown, new (...args: never[]) => Error, string][] = [
    ["reshape to another size", () => x.reshape([4]), ShapeError, "[2,3] has 6 elements, shape [4] does not fit"],
    ["reshape with a rest", () => x.reshape([4, -1]), ShapeError, "shape [4,-1] does not fit"],
    ["reshape with two -1", () => x.reshape([-1, -1]), ShapeError, "reshape: expected -1 once at most, got [-1,-1]"],
    ["reshape with -2", () => x.reshape([-1, -2]), ShapeError, "or -1 once, got [-1,-2]"],
    ["reshape with -1 beside 0", () => zeros([0]).reshape([0, -1]), ShapeError, "does not fit"],
    ["reshape by numbers", () => x.reshape(6 as never), ShapeError, "a shape is an array"],
    ["reshape to NaN", () => x.reshape([NaN]), ShapeError, "a shape is an array"],
    ["flatten backward", () => x.flatten(1, 0), ShapeError, "startDim 1 comes after endDim 0"],
    ["flatten out of range", () => x.flatten(2), OptionError, "dim expected an integer in [-2, 1], got 2"],
    ["unflatten that does not fit", () => x.unflatten(1, [2, 2]), ShapeError, "[3] has 3 elements"],
    ["squeeze out of range", () => x.squeeze(5), OptionError, "got 5"],
    ["unsqueeze out of range", () => x.unsqueeze(3), OptionError, "dim expected an integer in [-3, 2], got 3"],
    ["permute a dimension twice", () => x.permute([0, 0]), OptionError, "each dimension of [2,3] once, got [0,0]"],
    ["permute too few", () => x.permute([0]), OptionError, "got [0]"],
    ["transpose out of range", () => x.transpose(0, 2), OptionError, "got 2"],
    ["t of three dimensions", () => zeros([1, 1, 1]).t(), ShapeError, "t: expected a matrix, got [1,1,1]"],
    ["expand what is not 1", () => x.expand([4, 3]), ShapeError, "[2,3] cannot be expanded to [4,3]"],
    ["expand to fewer dimensions", () => x.expand([3]), ShapeError, "cannot be expanded"],
    ["expand a new dimension by -1", () => x.expand([-1, 2, 3]), ShapeError, "a shape is an array"],
    ["repeat fewer dimensions", () => x.repeat([2]), ShapeError, "at least 2 repeats"],
    ["narrow beyond the end", () => x.narrow(1, 2, 2), OptionError, "length expected an integer in [0, 1], got 2"],
    ["narrow from beyond", () => x.narrow(1, 4, 0), OptionError, "start expected an integer in [-3, 3], got 4"],
    ["narrow a scalar", () => tensor(1).narrow(0, 0, 1), ShapeError, "at least one dimension"],
    ["slice backward", () => x.slice(1, 0, 3, -1), OptionError, "step expected an integer >= 1, got -1"],
    ["slice from NaN", () => x.slice(1, NaN), OptionError, "start"],
    ["select out of range", () => x.select(1, 3), OptionError, "index expected an integer in [-3, 2], got 3"],
    ["index of a scalar", () => tensor(1).index(0), ShapeError, "got a scalar"],
    ["split into lengths of another sum", () => x.split([1, 1], 1), OptionError, "sum 3, got [1,1]"],
    ["split of a scalar", () => tensor(1).split(1), ShapeError, "split: expected one dimension or more"],
    ["chunk of a scalar", () => tensor(1).chunk(1), ShapeError, "chunk: expected one dimension or more"],
    ["split into nothing", () => x.split(0), OptionError, "got 0"],
    ["chunk into none", () => x.chunk(0), OptionError, "chunks expected an integer >= 1, got 0"],
    ["flip a dimension twice", () => x.flip([0, -2]), OptionError, "twice"],
    ["cat of nothing", () => cat([]), OptionError, "at least one tensor"],
    ["cat of scalars", () => cat([tensor(1)]), ShapeError, "use stack"],
    ["cat of other lengths", () => cat([x, zeros([2, 4])]), ShapeError, "got [2,3], [2,4]"],
    ["cat of other ranks", () => cat([x, zeros([3])]), ShapeError, "got [2,3], [3]"],
    ["cat of two dtypes", () => cat([x, zeros([2, 3], { dtype: "int32" })]), DTypeError, "float32 and int32"],
    ["stack of two shapes", () => stack([x, zeros([3, 2])]), ShapeError, "got [2,3], [3,2]"],
    ["stack of numbers", () => stack([1, 2] as never), OptionError, "at least one tensor"],
    ["pad by an odd list", () => F.pad(x, [1]), OptionError, "[before, after]"],
    ["pad more dimensions", () => F.pad(x, [0, 0, 0, 0, 0, 0]), OptionError, "at most 2 dimensions"],
    ["pad by a fraction", () => F.pad(x, [0.5, 0]), OptionError, "got 0.5"],
    ["pad away more than there is", () => F.pad(x, [-2, -2]), ShapeError, "leave nothing of dim 1"],
    ["pad by an unknown mode", () => F.pad(x, [1, 1], { mode: "mirror" as never }), OptionError, "mirror"],
    ["reflect all of it", () => F.pad(x, [3, 0], { mode: "reflect" }), ShapeError, "takes at most 2 in dim 1"],
    ["wrap more than there is", () => F.pad(x, [4, 0], { mode: "circular" }), ShapeError, "takes at most 3"],
    ["replicate nothing", () => F.pad(zeros([0]), [1, 0], { mode: "replicate" }), ShapeError, "takes at most 0"],
    ["pad int32 by a fraction", () => F.pad(ints([1]), [1, 0], { value: 0.5 }), OptionError, "got 0.5"],
    ["tril of a vector", () => zeros([3]).tril(), ShapeError, "expected matrices, got [3]"],
    ["triu by a fraction", () => x.triu(0.5), OptionError, "got 0.5"],
    [
      "a mask that is larger",
      () => x.maskedFill(zeros([4, 2, 3]).bool(), 0),
      ShapeError,
      "does not broadcast to [2,3]",
    ],
    ["a mask of floats", () => x.maskedFill(x, 0), DTypeError, "condition expected bool"],
    ["a fill that int32 cannot hold", () => ints([1]).maskedFill(tensor([true]), 0.5), OptionError, "got 0.5"],
    ["select index out of range", () => x.indexSelect(1, ints([0, 3])), OptionError, "index 3 is out of range [0, 2]"],
    ["select a negative index", () => x.indexSelect(1, ints([-1])), OptionError, "index -1 is out of range"],
    ["select by floats", () => x.indexSelect(1, tensor([0])), DTypeError, "index expected int32, got float32"],
    ["select by a matrix", () => x.indexSelect(1, zeros([1, 1], { dtype: "int32" })), ShapeError, "[N]"],
    ["gather out of range", () => x.gather(0, zeros([2, 3], { dtype: "int32" }).add(2)), OptionError, "index 2 is out"],
    ["gather by another rank", () => x.gather(0, ints([0])), ShapeError, "index [1] does not fit [2,3]"],
    [
      "gather by a longer index",
      () => x.gather(0, zeros([1, 4], { dtype: "int32" })),
      ShapeError,
      "[1,4] does not fit",
    ],
    ["embed out of range", () => F.embedding(ints([2]), x), OptionError, "embedding: index 2 is out of range [0, 1]"],
    ["embed by floats", () => F.embedding(tensor([0]), x), DTypeError, "use .int()"],
    ["embed from a vector", () => F.embedding(ints([0]), zeros([3])), ShapeError, "weight expected 2 dimensions [V,D]"],
    ["a padding row out of range", () => F.embedding(ints([0]), x, { paddingIdx: 2 }), OptionError, "paddingIdx"],
    ["one-hot out of range", () => F.oneHot(ints([3]), 3), OptionError, "index 3 is out of range [0, 2]"],
    ["one-hot of a negative", () => F.oneHot(ints([-1])), OptionError, "index -1 is out of range"],
    ["one-hot of nothing", () => F.oneHot(ints([])), OptionError, "numClasses must be given"],
    ["dropout of p > 1", () => F.dropout(x, { p: 1.5 }), OptionError, "p expected a finite number in [0, 1], got 1.5"],
    ["dropout of p NaN", () => F.dropout(x, { p: NaN }), OptionError, "got NaN"],
    ["dropout by an unknown option", () => F.dropout(x, { rate: 1 } as never), OptionError, '"rate"'],
    ["dropout of int32", () => F.dropout(ints([1])), DTypeError, "expected float32"],
    ["dropout2d of a matrix", () => F.dropout2d(x), ShapeError, "[N,C,H,W] or [C,H,W], got [2,3]"],
  ];
  test.each(cases)("%s", (_name, run, error, message) => {
    expect(run).toThrow(error);
    expect(run).toThrow(message);
  });
});

describe("embedding", () => {
  const gradient = (index: number[], paddingIdx?: number) => {
    const weight = ones([4, 2], { requiresGrad: true });
    F.embedding(ints(index), weight, { paddingIdx }).sum().backward();
    return weight.grad?.select(1, 0).toArray();
  };

  test("row paddingIdx gets no gradient", () => {
    expect(gradient([0, 1, 1, 3])).toEqual([1, 2, 0, 1]);
    expect(gradient([0, 1, 1, 3], 1)).toEqual([1, 0, 0, 1]);
    expect(gradient([0, 1, 1, 3], -1)).toEqual([1, 2, 0, 0]);
  });

  test("oneHot finds the number of classes", () => {
    expect(F.oneHot(ints([1, 0, 2])).toArray()).toEqual([
      [0, 1, 0],
      [1, 0, 0],
      [0, 0, 1],
    ]);
  });
});

describe("dropout", () => {
  const zerosIn = (x: Tensor) => x.data().filter((v: number) => v === 0).length;

  test("zeroes a fraction p and scales the rest; the gradient has the same mask", () => {
    manualSeed(5);
    const x = rand([100, 100]).add(1).detach();
    x.requiresGrad = true;
    const y = F.dropout(x, { p: 0.25 });
    expect(Math.abs(zerosIn(y) / 10_000 - 0.25)).toBeLessThan(0.02);
    const [before, after] = [x.data(), y.data()];
    const scale = Math.fround(1 / 0.75);
    expect(after.every((v: number, i: number) => v === 0 || v === Math.fround(before[i] * scale))).toBe(true);
    rand([7]); // backward must not depend on what was drawn since
    y.sum().backward();
    expect(x.grad?.data()).toEqual(Float32Array.from(after, (v) => (v === 0 ? 0 : scale)));
  });

  test("the seed determines the masks, and each call draws a new one", () => {
    const x = ones([64]);
    const draw = (seed: number) => F.dropout(x, { generator: new Generator(seed) }).data();
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(F.dropout(x).data()).not.toEqual(F.dropout(x).data());
  });

  test("p 1 gives zeros, p 0 and evaluation the input, without a draw", () => {
    const x = ones([3, 5], { requiresGrad: true });
    const y = F.dropout(x, { p: 1 });
    expect(zerosIn(y)).toBe(15);
    y.sum().backward();
    expect([...(x.grad?.data() ?? [])]).toEqual(new Array(15).fill(0));
    const before = getRngState();
    expect(F.dropout(x, { p: 0 })).toBe(x);
    expect(F.dropout(x, { p: 0.9, training: false })).toBe(x);
    expect(getRngState()).toEqual(before);
    expect(F.dropout(zeros([0, 2])).shape).toEqual([0, 2]);
  });

  test("dropout2d zeroes whole channels", () => {
    manualSeed(6);
    const x = ones([8, 64, 3, 2], { requiresGrad: true });
    const y = F.dropout2d(x, { p: 0.5 });
    const sums = y.sum([2, 3]).data();
    expect(new Set(sums)).toEqual(new Set([0, 12]));
    expect(Math.abs(zerosIn(y) / y.numel() - 0.5)).toBeLessThan(0.1);
    y.sum().backward();
    expect(x.grad?.data()).toEqual(y.data());
    expect(F.dropout2d(ones([4, 2, 2])).shape).toEqual([4, 2, 2]);
  });
});
