import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { describe, expect, test, vi } from "vitest";
import { DataError, DTypeError, OptionError, ShapeError, tensor, zeros } from "wasmgrad";
import { encodePNG, imageGrid, lossCurve, Picture, savePNG } from "wasmgrad/vision";
import { memoryNavigator } from "../../support/memory_storage.ts";

type Rgb = [number, number, number];

function pixel(picture: Picture, x: number, y: number): Rgb {
  const at = (y * picture.width + x) * 3;
  return [...picture.data.subarray(at, at + 3)] as Rgb;
}

function countPixels(picture: Picture, color: Rgb): number {
  let count = 0;
  for (let at = 0; at < picture.data.length; at += 3) {
    if (color.every((value, c) => picture.data[at + c] === value)) count++;
  }
  return count;
}

describe("Picture", () => {
  test("a notebook shows the picture", () => {
    const picture = new Picture(5, 3, [1, 2, 3]);
    const display = Reflect.get(picture, Symbol.for("Jupyter.display")) as () => Record<string, string>;
    const shown = display.call(picture);
    expect(shown["text/plain"]).toBe("Picture 5 x 3");
    expect(Buffer.from(shown["image/png"], "base64")).toEqual(Buffer.from(encodePNG(picture)));
  });

  test("text is drawn in font pixels", () => {
    const picture = new Picture(5, 8);
    picture.text("T", 0, 0, { color: [0, 0, 0] });
    const rows = Array.from({ length: 8 }, (_, y) =>
      Array.from({ length: 5 }, (_, x) => (pixel(picture, x, y)[0] === 0 ? "#" : ".")).join(""),
    );
    expect(rows).toEqual(["#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#..", "....."]);
  });

  test("the font has 95 different characters, each of 5 by 8 pixels", () => {
    const seen = new Set<string>();
    for (let code = 32; code < 127; code++) {
      const picture = new Picture(7, 10);
      picture.text(String.fromCharCode(code), 1, 1);
      for (let x = 0; x < 7; x++) expect(pixel(picture, x, 0).concat(pixel(picture, x, 9))).toEqual(Array(6).fill(255));
      seen.add(picture.data.join());
    }
    expect(seen.size).toBe(95);
  });

  test("pixels outside the picture are ignored", () => {
    const picture = new Picture(4, 3);
    picture.fillRect(-5, -5, 6, 6, [1, 2, 3]);
    picture.fillRect(3, 2, 100, 100, [1, 2, 3]);
    picture.text("W", 10, -2);
    picture.blend(-1, 0, [1, 2, 3], 1);
    expect(countPixels(picture, [1, 2, 3])).toBe(2);
  });

  test("PNG bytes decode to the same pixels", () => {
    const picture = new Picture(3, 2, [10, 20, 30]);
    picture.fillRect(1, 1, 1, 1, [255, 0, 128]);
    const { width, height, channels, data } = decode(encodePNG(picture));
    expect([width, height, channels]).toEqual([3, 2, 3]);
    expect([...data]).toEqual([...picture.data]);
    expect(() => encodePNG({} as Picture)).toThrow(OptionError);
  });

  test("savePNG in a page: a download, or a file that the browser keeps", async () => {
    const { folder, navigator } = memoryNavigator();
    vi.stubGlobal("navigator", navigator);
    const picture = new Picture(3, 2);
    await savePNG("opfs:pictures/x.png", picture);
    const stored = await (await folder.getDirectoryHandle("pictures")).getFileHandle("x.png");
    expect(new Uint8Array(await stored.content.arrayBuffer())).toEqual(encodePNG(picture));
    vi.stubGlobal("process", { ...process, getBuiltinModule: () => undefined });
    // in a worker
    expect(() => savePNG("a/x.png", picture)).toThrow('savePNG: a page has no files, got the path "a/x.png"');
    const link = { click: vi.fn(), download: "", href: "" };
    vi.stubGlobal("document", { createElement: () => link });
    savePNG("a/x.png", picture);
    expect([link.click.mock.calls.length, link.download, link.href.slice(0, 5)]).toEqual([1, "x.png", "blob:"]);
    vi.unstubAllGlobals();
  });

  test("savePNG writes the bytes, or gives the reason why not", () => {
    const folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
    const picture = new Picture(3, 2);
    savePNG(join(folder, "x.png"), picture);
    expect(readFileSync(join(folder, "x.png")).equals(encodePNG(picture))).toBe(true);
    rmSync(folder, { recursive: true });
    expect(() => savePNG(join(folder, "x.png"), picture)).toThrow(DataError);
  });
});

describe("imageGrid", () => {
  const red = tensor([
    [[[1]], [[0]], [[0]]],
    [[[2]], [[Number.NaN]], [[0]]],
  ]);
  const grey = tensor([[[[0.5]]], [[[-1]]]]);

  test("shows each image of each column, clamped, NaN in magenta", () => {
    const grid = imageGrid(
      [
        { label: "a", images: red },
        { label: "b", images: grey },
      ],
      { scale: 12 },
    );
    expect(countPixels(grid, [255, 0, 0])).toBe(144);
    expect(countPixels(grid, [255, 0, 255])).toBe(144);
    expect(countPixels(grid, [128, 128, 128])).toBe(144);
    expect(countPixels(grid, [0, 0, 0])).toBe(144);
  });

  test("rows may be side by side", () => {
    const columns = [{ label: "", images: zeros([5, 3, 2, 2]) }];
    const [one, two] = [1, 2].map((perRow) => imageGrid(columns, { perRow }));
    expect(countPixels(one, [0, 0, 0])).toBe(5 * 4 * 16);
    expect(countPixels(two, [0, 0, 0])).toBe(5 * 4 * 16);
    expect(two.height).toBeLessThan(one.height);
    expect(two.width).toBeGreaterThan(one.width);
  });

  test("no image at all", () => {
    expect(imageGrid([{ label: "none", images: zeros([0, 3, 2, 2]) }]).width).toBeGreaterThan(0);
  });

  test("refuses values that are not images", () => {
    const images = zeros([1, 3, 2, 2]);
    expect(() => imageGrid([])).toThrow(OptionError);
    expect(() => imageGrid([{ label: "x", images: zeros([3, 2, 2]) }])).toThrow(ShapeError);
    expect(() => imageGrid([{ label: "x", images: zeros([1, 2, 2, 2]) }])).toThrow(/"x" expected images .*\[1,2,2,2\]/);
    expect(() => imageGrid([{ label: "x", images: zeros([1, 3, 2, 2], { dtype: "int32" }) }])).toThrow(DTypeError);
    const more = { label: "b", images: zeros([2, 3, 2, 2]) };
    expect(() => imageGrid([{ label: "a", images }, more])).toThrow(/"b" has shape \[2,3,2,2\], "a" has \[1,3,2,2\]/);
    expect(() => imageGrid([{ label: "a", images }], { scale: 0 })).toThrow(OptionError);
    expect(() => imageGrid([{ label: "a", images }], { zoom: 2 } as object)).toThrow(/unknown option "zoom"/);
  });
});

describe("lossCurve", () => {
  const blue: Rgb = [0, 114, 178];

  test("draws the line where the values are", () => {
    const points = [0, 1, 2, 3, 4].map((x) => [x, 1] as const);
    const flat = lossCurve([{ label: "a", points: [...points, [4, 0], [4, 2]] }]);
    const rows = new Map<number, number>();
    for (let y = 0; y < flat.height; y++) {
      let inked = 0;
      for (let x = 0; x < flat.width; x++) if (pixel(flat, x, y).every((value, c) => value === blue[c])) inked++;
      rows.set(y, inked);
    }
    const [longest] = [...rows].sort((a, b) => b[1] - a[1])[0];
    // the level y = 1 is half-way between the ends of the vertical stroke at x = 4
    const stroke = [...rows].filter(([y, inked]) => inked > 0 && y > 40).map(([y]) => y);
    expect(rows.get(longest)).toBeGreaterThan(600);
    expect(Math.abs(longest - (stroke[0] + stroke[stroke.length - 1]) / 2)).toBeLessThan(16);
  });

  test("a point that is not finite is a gap", () => {
    const y = [1, 2, Number.NaN, 2, Infinity, 1];
    const whole = lossCurve([{ label: "a", points: [1, 2, 2, 2, 2, 1].map((v, x) => [x, v]) }]);
    const gaps = lossCurve([{ label: "a", points: y.map((v, x) => [x, v]) }]);
    expect(countPixels(gaps, blue)).toBeLessThan(countPixels(whole, blue) * 0.8);
    expect(countPixels(gaps, blue)).toBeGreaterThan(100);
  });

  test.each([
    ["one point", [[3, 0.25]]],
    [
      "all alike",
      [
        [0, 0],
        [1, 0],
      ],
    ],
    [
      "tiny",
      [
        [0, 1e-30],
        [1, 3e-30],
      ],
    ],
    [
      "huge",
      [
        [0, 1e30],
        [1e9, 3e30],
      ],
    ],
    [
      "negative",
      [
        [-5, -2],
        [5, 3],
      ],
    ],
  ] as [string, [number, number][]][])("%s", (_name, points) => {
    const chart = lossCurve([{ label: "a", points }], { title: "t", xLabel: "x", yLabel: "y" });
    expect(countPixels(chart, blue)).toBeGreaterThan(28 * 3);
  });

  test.each([
    ["top right", [0, 1, 9.5, 9.5]],
    ["top left", [9.5, 9.5, 1, 0]],
    ["both tops", [9.5, 4, 4, 9.5]],
    ["bottoms and the top right", [0.4, 0.4, 9.5, 9.5, 0.4]],
  ])("the legend leaves a line in the %s alone", (_, values) => {
    const points = values.map((y, x) => [x, y] as const);
    // a label of another length moves the legend's edges, and nothing else
    const line = (label: string) => countPixels(lossCurve([{ label, points }]), blue) - 3 * 28;
    expect(line("a")).toBe(line("a long label"));
    expect(line("a")).toBeGreaterThan(900);
  });

  test("refuses values that cannot be drawn", () => {
    expect(() => lossCurve([])).toThrow(OptionError);
    expect(() => lossCurve([{ label: "a", points: [[0, Number.NaN]] }])).toThrow(/at least one finite point/);
    expect(() => lossCurve([{ label: "a", points: [[0, 1]] }], { width: 20 })).toThrow(OptionError);
  });
});
