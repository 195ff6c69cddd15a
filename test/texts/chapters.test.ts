/** What the chapters count in the sources, and answers to exercises that no program in a text checks. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../support/source.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const count = (text: string, word: RegExp) => text.match(word)?.length ?? 0;
/** The text from one mark to the next. */
const between = (text: string, from: string, to: string) => text.split(from)[1].split(to)[0];

const chapters = readdirSync(join(root, "assembly"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => join("assembly", file));

describe("exercises", () => {
  test("are numbered from 1 to 11, and each has an answer", () => {
    const exercises = chapters
      .filter((path) => !path.endsWith("machine_code.md"))
      .flatMap((path) =>
        [...read(path).matchAll(/^\*\*(\d+)\.\*\* .*?\n\n(?=(<details>))/gms)].map(([, number, answer]) => ({
          number: Number(number),
          answered: answer !== undefined,
        })),
      );
    const numbers = exercises.map(({ number }) => number).sort((a, b) => a - b);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(exercises.every(({ answered }) => answered)).toBe(true);
    const machineCode = read("assembly/matmul/machine_code.md");
    expect([...machineCode.matchAll(/^\*\*(\d+)\.\*\* /gm)].map(([, n]) => Number(n))).toEqual([1, 2, 3, 11]);
    expect(count(machineCode, /<details>/g)).toBe(4);
  });

  test("1: loads and stores per multiplication", () => {
    const scalar = between(read("assembly/matmul/ladder/2_loop_order.ts"), "from += 4, to += 4) {", "}");
    expect([count(scalar, /load</g), count(scalar, /store</g), count(scalar, / \* /g)]).toEqual([2, 1, 1]);
    const simd = between(read("assembly/matmul/ladder/3_simd.ts"), "j += 4)", ";\n");
    expect([count(simd, /load4\(/g), count(simd, /storeUpTo\(/g), count(simd, /mulAdd\(/g)]).toEqual([2, 1, 1]);
    const tile = between(read("assembly/matmul/ladder/4_register_tile.ts"), "from += bRow) {", "      }\n");
    expect([count(tile, /v128\.load/g), count(tile, /store/g), count(tile, /mulAdd\(/g)]).toEqual([6, 0, 8]);
    expect(read("assembly/matmul/README.md")).toContain("| 4 register tile | 6/8 = 0.75 | 0 |");
  });

  test("8: additions of the transforms of F(2x2,3x3)", () => {
    const source = read("assembly/conv/ladder/5_winograd_f2_transforms.ts");
    const additions = (name: string) => count(between(source, `function ${name}(`, "\n}"), /f32x4\.(add|sub)\(/g);
    // applied to the 4 columns of a patch, then to the 4 rows
    expect(additions("transformPatch") * 8).toBe(32);
    // applied to the 4 columns of the products, then to the 2 rows that are left
    expect(additions("outputOf") * 6).toBe(24);
    expect(read("assembly/conv/README.md").replaceAll("\n", " ")).toContain(
      "32 per patch and input channel, 24 per patch",
    );
  });
});

describe("the afternoon path", () => {
  const path = between(read("assembly/README.md"), "### An afternoon", "\n## ");
  const lines = (files: string[]) => files.reduce((sum, file) => sum + count(read(`assembly/${file}`), /\n/g), 0);

  test("says how many lines of code there are to read", () => {
    const rungs = ["1_naive", "2_loop_order", "3_simd", "4_register_tile"].map((name) => `matmul/ladder/${name}.ts`);
    expect(path).toContain(`(4 files, ${lines(rungs)} lines)`);
    expect(path).toContain(`${lines(["conv/ladder/1_naive.ts", "conv/ladder/2_im2col.ts"])} lines |`);
  });

  test("takes less than four hours", () => {
    const minutes = [...path.matchAll(/^\| \d+ \|.*\| (\d+) \|$/gm)].map(([, n]) => Number(n));
    expect(minutes).toHaveLength(9);
    expect(minutes.reduce((sum, n) => sum + n)).toBeLessThan(240);
  });

  test("every chapter on it says where it continues", () => {
    for (const chapter of ["primer.md", "matmul/README.md", "conv/README.md", "conv/winograd.md"]) {
      expect(read(`assembly/${chapter}`)).toMatch(/^\*Next on the (\[afternoon )?path/m);
    }
  });
});

test("the matrix product's visits to rows of B, and the floats that packing moves", () => {
  const [m, n, k] = [512, 512, 512];
  const text = read("assembly/matmul/README.md").replaceAll("\n", " ");
  expect(text).toContain(`these are ${((m * n * k) / 32 / 1e6).toFixed(1)} million`);
  expect(text).toContain(`M K + K N = ${((m * k + k * n) / 1e6).toFixed(1)} million floats`);
});

describe("widgets", () => {
  const NAMES = [
    "simd-lanes",
    "convolution",
    "transposed-convolution",
    "im2col",
    "implicit-gemm",
    "packing",
    "pooling",
    "winograd",
    "winograd-2d",
    "float-sums",
    "register-tiles",
  ];

  test.each(NAMES)("%s has one place, on a line of its own", (name) => {
    const text = chapters.map(read).join("\n");
    expect(text.split(`\n\n<!-- widget: ${name} -->\n\n`)).toHaveLength(2);
  });
});
