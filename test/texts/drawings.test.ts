/** The drawings of the chapters are as their script writes them, and their numbers are the library's. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { nn, ones, type Tensor, tensor } from "wasmgrad";
import { columnsOf, convolved, IM2COL, WINDOW_KERNEL, WINDOWS } from "../../scripts/drawings/convolution.ts";
import { scattered, TRANSPOSED, windowCounts } from "../../scripts/drawings/gradients.ts";
import { drawings, fileOf } from "../../scripts/drawings/index.ts";
import { startsAt } from "../../scripts/drawings/processor.ts";
import { root } from "../support/source.ts";

const { conv2d, convTranspose2d, unfold } = nn.functional;

const plane = (values: number[][], requiresGrad = false) => tensor([[values]], { requiresGrad });
const matrix = (x: Tensor) => x.squeeze().toArray();

const chapters = readdirSync(join(root, "assembly"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => join("assembly", file));

describe.each(Object.entries(drawings))("%s", (name, draw) => {
  test("is as the script writes it", () => {
    expect(readFileSync(fileOf(name), "utf8")).toBe(draw().toString());
  });

  test("is shown in a chapter, with a text for those who do not see it", () => {
    const shown = chapters.filter((path) => {
      const link = relative(dirname(path), `docs/drawings/${name}.svg`);
      const texts = [...readFileSync(join(root, path), "utf8").matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)];
      return texts.some(([, text, target]) => target === link && text.length > 20);
    });
    expect(shown.length).toBeGreaterThan(0);
  });

  test("has colours for light and dark screens, and all of its texts lie inside", () => {
    const { width, height } = draw();
    const svg = draw().toString();
    expect(svg).toContain("@media(prefers-color-scheme:dark)");
    for (const [, x, y] of svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"/g)) {
      expect(Number(x)).toBeLessThan(width);
      expect(Number(y)).toBeLessThan(height);
    }
  });
});

test("every picture in docs/drawings has a script", () => {
  const files = readdirSync(join(root, "docs/drawings")).filter((file) => !file.startsWith("ladder_"));
  expect(files.sort()).toEqual(
    Object.keys(drawings)
      .map((name) => `${name}.svg`)
      .sort(),
  );
});

describe("the numbers", () => {
  test.each(Object.entries(WINDOWS))("of the windows: %s", (_name, example) => {
    const { image, marked: _, ...options } = example;
    const out = matrix(conv2d(plane(image), plane(WINDOW_KERNEL), null, options));
    expect(convolved(example, WINDOW_KERNEL)).toEqual(out);
  });

  test("of im2col", () => {
    expect(columnsOf(IM2COL.image, 2)).toEqual(matrix(unfold(plane(IM2COL.image), 2)));
  });

  test("of the transposed convolution, and of the inputs that add to a pixel", () => {
    const { x, kernel, stride } = TRANSPOSED;
    const { out, counts } = scattered(TRANSPOSED);
    expect(out).toEqual(matrix(convTranspose2d(plane(x), plane(kernel), null, { stride })));
    expect(counts).toEqual(matrix(convTranspose2d(ones([1, 1, 2, 2]), ones([1, 1, 3, 3]), null, { stride })));
  });

  test("of the windows that read a pixel", () => {
    const x = ones([1, 1, 5, 5], { requiresGrad: true });
    conv2d(x, ones([1, 1, 3, 3]), null, { padding: 1 })
      .sum()
      .backward();
    expect(windowCounts(5)).toEqual(matrix(x.grad!));
  });

  test("of the additions: with one accumulator, each starts when the one before it ends", () => {
    expect([0, 1, 2, 3].map((i) => startsAt(i, 1))).toEqual([0, 4, 8, 12]);
    expect([0, 1, 2, 7, 8, 15].map((i) => startsAt(i, 8))).toEqual([0, 0, 1, 3, 4, 7]);
  });
});
