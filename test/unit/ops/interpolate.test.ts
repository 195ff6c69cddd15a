/**
 * Interpolation: the arguments that it refuses, and the sources of each output, by the formula and by
 * PyTorch's numbers.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ShapeError, scope, tensor, zeros } from "wasmgrad";
import { expectClose } from "../../support/compare.ts";

const { interpolate } = nn.functional;

describe("bad input to interpolate", () => {
  const x = zeros([1, 2, 4, 4]);
  const untyped = (value: unknown) => value as never;

  test("shapes and dtypes", () => {
    expect(() => interpolate(zeros([2, 4, 4]), { scaleFactor: 2 })).toThrow(/expected \[N,C,H,W\], got \[2,4,4\]/);
    expect(() => interpolate(zeros([1, 2, 0, 4]), { size: 2 })).toThrow(ShapeError);
    expect(() => interpolate(x, { scaleFactor: 0.1 })).toThrow(/is empty/);
    expect(() => interpolate(zeros([1, 1, 2, 2], { dtype: "int32" }), { size: 2 })).toThrow(DTypeError);
  });

  test.each<[string, object]>([
    ["neither size nor factor", {}],
    ["both size and factor", { size: 2, scaleFactor: 2 }],
    ["size 0", { size: 0 }],
    ["a fractional size", { size: 1.5 }],
    ["NaN factor", { scaleFactor: Number.NaN }],
    ["a negative factor", { scaleFactor: [1, -1] }],
    ["three factors", { scaleFactor: [1, 1, 1] }],
    ["an unknown mode", { size: 2, mode: "trilinear" }],
    ["alignCorners with nearest", { size: 2, alignCorners: true }],
    ["alignCorners with area", { size: 2, mode: "area", alignCorners: true }],
    ["antialias with nearest-exact", { size: 2, mode: "nearest-exact", antialias: true }],
    ["an unknown option", { size: 2, align: true }],
  ])("%s is an OptionError", (_name, options) => {
    expect(() => interpolate(x, untyped(options))).toThrow(OptionError);
  });
});

/** A row of numbers, resized along the last dimension or the one before it; the gradient of `dy` as well. */
function resized(row: number[], dy: number[] | null, options: object, dim: 2 | 3): { y: number[]; dx: number[] } {
  return scope(() => {
    const shape = (length: number) => (dim === 3 ? [1, 1, 1, length] : [1, 1, length, 1]);
    const x = tensor(Float32Array.from(row), { shape: shape(row.length), requiresGrad: true });
    const y = interpolate(x, options);
    y.backward(tensor(Float32Array.from(dy ?? y.data()), { shape: y.shape }));
    return { y: [...y.data()], dx: [...(x.grad?.data() ?? [])] };
  });
}

test.each([2, 3] as const)("nearest by size is floor(o * length / outLength), exactly: dim %i", (dim) => {
  for (let length = 1; length <= 70; length += 1) {
    for (let out = 1; out <= 150; out += dim === 3 ? 1 : 7) {
      const size = dim === 3 ? [1, out] : [out, 1];
      const sources = Array.from({ length: out }, (_, o) => (o * length - ((o * length) % out)) / out);
      const { y, dx } = resized([...Array(length).keys()], sources, { size }, dim);
      expect(y, `${length} to ${out}`).toEqual(sources);
      const counts = Array.from({ length }, (_, i) => i * sources.filter((s) => s === i).length);
      expect(dx, `gradient, ${length} to ${out}`).toEqual(counts);
    }
  }
});

interface TableRow {
  mode: "nearest" | "nearest-exact" | "bilinear" | "bicubic" | "area";
  alignCorners: boolean;
  antialias?: boolean;
  length: number;
  scaleFactor: number;
  y: number[];
  /** Null where PyTorch's gradient is not that of its result. */
  dx: number[] | null;
}

describe("scale factors give PyTorch's numbers", () => {
  const path = new URL("../../fixtures/tables/interpolate.json", import.meta.url);
  const table = JSON.parse(readFileSync(path, "utf8")) as TableRow[];
  test.each([2, 3] as const)("dim %i", (dim) => {
    for (const { mode, alignCorners, antialias = false, length, scaleFactor, ...expected } of table) {
      const row = Array.from({ length }, (_, i) => ((i * i) % 17) - 8);
      const dy = expected.y.map((_, i) => ((i * 5) % 7) - 3);
      const pair = dim === 3 ? [1, scaleFactor] : [scaleFactor, 1];
      const { y, dx } = resized(row, dy, { mode, alignCorners, antialias, scaleFactor: pair }, dim);
      const what = `${mode} ${alignCorners} ${antialias} ${length} by ${scaleFactor}`;
      expectClose(what, y, expected.y, 4e-6);
      if (expected.dx) expectClose(`${what}, gradient`, dx, expected.dx, 4e-6);
    }
  });
});

test("nearest-exact by size is the pixel of the output pixel's centre", () => {
  for (let length = 1; length <= 40; length++) {
    for (let out = 1; out <= 90; out++) {
      const sources = Array.from({ length: out }, (_, o) => Math.floor(((2 * o + 1) * length) / (2 * out)));
      const size = [1, out] as [number, number];
      const { y, dx } = resized([...Array(length).keys()], null, { size, mode: "nearest-exact" }, 3);
      expect(y, `${length} to ${out}`).toEqual(sources);
      const counts = Array.from({ length }, (_, i) => i * sources.filter((s) => s === i).length);
      expect(dx, `gradient, ${length} to ${out}`).toEqual(counts);
    }
  }
});

test("weighted sums leave out pixels of weight 0, even if they are infinite", () => {
  const row = [1, Infinity, 2, Number.NaN, 3];
  const cubic = resized(row, [1, 1, 1], { mode: "bicubic", alignCorners: true, size: [1, 3] }, 3);
  expect(cubic.y).toEqual([1, 2, 3]);
  const area = resized([1, 3, 5, 7, Infinity, Infinity], null, { mode: "area", size: [3, 1] }, 2);
  expect(area.y).toEqual([2, 6, Infinity]);
});

test("bilinear: a pixel at the exact position is used alone, even beside a NaN", () => {
  const row = [1, Infinity, 2, Number.NaN, 3];
  const same = resized(row, [1, 1, 1, 1, 1], { mode: "bilinear", scaleFactor: [1, 1.1] }, 3);
  expect([same.y[0], same.y[2], same.y[4]]).toEqual([1, 2, 3]);
  const aligned = resized(row, null, { mode: "bilinear", alignCorners: true, size: [1, 3] }, 3);
  expect(aligned.y).toEqual([1, 2, 3]);
});
