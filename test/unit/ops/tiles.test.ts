import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { nn, rand, scope, type Tensor } from "../../../src/index.ts";
import { forceTile, isRacing, raceTiles, tileColumns } from "../../../src/ops/matmul/tile.ts";
import { allCases } from "../../cases/index.ts";
import { checkCase } from "../../support/check_case.ts";
import { expectClose } from "../../support/compare.ts";

const TILES = ["4x8", "4x16"] as const;
const products = Object.entries(allCases).filter(([op]) => /matmul|linear|conv/i.test(op));

afterAll(() => forceTile("auto"));

test("products and convolutions are among the cases", () => {
  expect(products.length).toBeGreaterThanOrEqual(3);
});

describe.each(products)("%s with tiles of 4x16", (_op, cases) => {
  beforeEach(() => forceTile("4x16"));

  for (const testCase of cases) test(testCase.name, () => scope(() => checkCase(testCase, 4)));
});

describe.each(TILES)("with tiles of %s", (tile) => {
  beforeEach(() => forceTile(tile));

  // rows and columns that are no multiple of a tile, a sum that takes two passes
  test.each([
    [70, 37, 600],
    [64, 16, 33],
    [5, 31, 1],
    [131, 257, 64],
  ])("a product of [%i, %i] and a depth of %i", (m, n, depth) =>
    scope(() => {
      const [a, b] = [rand([m, depth]), rand([depth, n])];
      expectClose("product", a.matmul(b).data(), reference(a, b), 1e-5);
    }),
  );
});

/** The product in float64. */
function reference(a: Tensor, b: Tensor): Float64Array {
  const [[m, depth], n] = [a.shape, b.shape[1]];
  const [x, y] = [a.data(), b.data()];
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) for (let k = 0; k < depth; k++) out[i * n + j] += x[i * depth + k] * y[k * n + j];
  return out;
}

test("the bits do not depend on the tile", () => {
  const layers = [
    { layer: new nn.Linear(300, 77), shape: [50, 300] },
    { layer: new nn.Conv2d(20, 35, { kernelSize: 3, padding: 1 }), shape: [3, 20, 13, 21] },
    { layer: new nn.Conv2d(9, 13, { kernelSize: 4, stride: 2, padding: 1 }), shape: [3, 9, 14, 18] },
    { layer: new nn.ConvTranspose2d(16, 11, { kernelSize: 2, stride: 2 }), shape: [3, 16, 5, 12] },
    {
      layer: new nn.Sequential(new nn.Conv2d(5, 10, { kernelSize: 5, padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2)),
      shape: [2, 5, 14, 22],
    },
  ];
  for (const { layer, shape } of layers) {
    const x = rand(shape, { requiresGrad: true });
    const [narrow, wide] = TILES.map((tile) => {
      forceTile(tile);
      x.grad = null;
      layer.zeroGrad();
      const y = layer.forward(x);
      y.square().sum().backward();
      return [y, x.grad!, ...layer.parameters().map((p) => p.grad!)].map(
        (t) => new Int32Array(t.data().buffer.slice(0)),
      );
    });
    expect(wide).toEqual(narrow);
  }
});

test("a race chooses the faster tile, in rounds that become rarer", () => {
  forceTile("auto");
  expect(tileColumns()).toBe(8);
  const rounds: number[] = [];
  const calls = { 8: 0, 16: 0 };
  for (let product = 1; product <= 300; product++) {
    if (!isRacing()) continue;
    rounds.push(product);
    raceTiles(1 << 22, (columns) => void calls[columns as 8 | 16]++);
  }
  expect(rounds).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256]);
  expect(calls).toEqual({ 8: 9, 16: 9 });
});
