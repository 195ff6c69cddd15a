/**
 * Padding in every mode with positive and negative amounts, compared with the definition of the modes,
 * element by element.
 */
import { describe, expect, test } from "vitest";
import { nn, ShapeError, scope, tensor } from "wasmgrad";
import { testRandom } from "../../support/random.ts";

const { pad } = nn.functional;
const modes = ["constant", "reflect", "replicate", "circular"] as const;
type Mode = (typeof modes)[number];

/**
 * The element of a dimension at each place of the result, or -1; null where PyTorch refuses the amounts (or
 * reads memory that it never wrote).
 */
function sources(mode: Mode, length: number, before: number, after: number): number[] | null {
  const places = Array.from({ length: Math.max(length + before + after, 0) }, (_, i) => i - before);
  const kept = Array.from({ length }, (_, i) => i).filter((i) => i >= -before && i < length + after);
  const takenAway = Math.max(-before, 0) + Math.max(-after, 0);
  if (before === 0 && after === 0) return places;
  if (mode === "constant") {
    if (length + before + after < 0 || takenAway > length) return null;
    return places.map((place) => (place >= 0 && place < length ? place : -1));
  }
  if (mode === "circular") {
    if (length + before + after < 0 || takenAway > length || Math.max(before, after) > kept.length) return null;
    const shift = Math.max(before, 0);
    return places.map((_, i) => kept[(i - shift + kept.length) % kept.length]);
  }
  if (length + before + after < 1 || length === 0) return null;
  if (mode === "replicate") return places.map((place) => Math.min(Math.max(place, 0), length - 1));
  if (Math.max(before, after) >= length) return null;
  return places.map((place) => {
    const mirrored = Math.abs(place);
    return mirrored < length ? mirrored : 2 * (length - 1) - mirrored;
  });
}

/** Compares values and gradient of one padding with the definition. */
function check(mode: Mode, shape: number[], padding: number[]): void {
  const dims = shape.map((length, d) => {
    const k = 2 * (shape.length - 1 - d);
    return sources(mode, length, padding[k] ?? 0, padding[k + 1] ?? 0);
  });
  const size = shape.reduce((a, b) => a * b, 1);
  const x = tensor(
    Float32Array.from({ length: size }, (_, i) => i + 1),
    { shape, requiresGrad: true },
  );
  const what = `${mode} [${shape}] by [${padding}]`;
  const options = mode === "constant" ? { value: -3 } : { mode };
  if (dims.includes(null)) {
    expect(() => pad(x, padding, options), what).toThrow(ShapeError);
    return;
  }
  let places = [0]; // places of x's elements, in the order of the result
  dims.forEach((dim, d) => {
    places = places.flatMap((at) => (dim as number[]).map((i) => (at < 0 || i < 0 ? -1 : at * shape[d] + i)));
  });
  const y = pad(x, padding, options);
  expect(y.shape, what).toEqual(dims.map((dim) => dim?.length));
  expect([...y.data()], what).toEqual(places.map((at) => (at < 0 ? -3 : at + 1)));
  const dy = Float32Array.from(places, (_, i) => (i % 5) - 2);
  y.backward(tensor(dy, { shape: y.shape }));
  const dx = new Float64Array(size);
  places.forEach((at, i) => {
    if (at >= 0) dx[at] += dy[i];
  });
  expect(
    [...(x.grad?.data() ?? [])].map((g) => g + 0),
    `${what}: gradient`,
  ).toEqual([...dx].map((g) => g + 0)); // no -0
}

describe.each(modes)("pad, mode %s", (mode) => {
  test("all amounts from -6 to 6 of up to 4 elements", () => {
    for (let length = 0; length <= 4; length++) {
      for (let before = -6; before <= 6; before++) {
        for (let after = -6; after <= 6; after++) scope(() => check(mode, [length], [before, after]));
      }
    }
  });

  test("random shapes and amounts in all dimensions", () => {
    const random = testRandom(5);
    const integer = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
    for (let i = 0; i < 400; i++) {
      const shape = Array.from({ length: integer(1, 4) }, () => integer(1, 5));
      const padding = Array.from({ length: 2 * integer(1, shape.length) }, () => integer(-2, 3));
      scope(() => check(mode, shape, padding));
    }
  });
});

test("circular padding wraps the elements that negative amounts leave", () => {
  const x = tensor([0, 1, 2, 3, 4], { dtype: "float32" });
  expect(pad(x, [2, -1], { mode: "circular" }).toArray()).toEqual([2, 3, 0, 1, 2, 3]);
  expect(() => pad(x, [4, -2], { mode: "circular" })).toThrow(
    "pad: mode circular takes at most 3 in the 3 that are left of dim 0 of [5], got 4 and -2",
  );
});

test("replicate with a window far past the end shows only the last element", () => {
  const x = tensor([1, 2, 3], { shape: [1, 3] });
  const far = 2 ** 31 - 4;
  expect([...nn.functional.pad(x, [-far, far + 3], { mode: "replicate" }).data()]).toEqual([3, 3, 3, 3, 3, 3]);
  expect([...nn.functional.pad(x, [far, -far], { mode: "replicate" }).data()]).toEqual([1, 1, 1]);
});
