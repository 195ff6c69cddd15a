import { describe, expect, test } from "vitest";
import { DTypeError, nn, OptionError, ShapeError, zeros } from "wasmgrad";

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
    ["an unknown mode", { size: 2, mode: "bicubic" }],
    ["alignCorners with nearest", { size: 2, alignCorners: true }],
    ["an unknown option", { size: 2, align: true }],
  ])("%s is an OptionError", (_name, options) => {
    expect(() => interpolate(x, untyped(options))).toThrow(OptionError);
  });
});
