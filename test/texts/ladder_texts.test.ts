/** The READMEs of the ladders list the existing rungs, and their tables agree with the recorded run. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { chartFile, charts } from "../../bench/ladder/chart.ts";
import { ladders } from "../../bench/ladder/ladders.ts";
import { hottestLoop, machineCode, summary } from "../../bench/ladder/machine_code.ts";
import { readLadderResults, readmeOf, withTable } from "../../bench/ladder/report.ts";
import { unrolled, unrolledKernels } from "../../scripts/unroll_micro_kernel.ts";
import { root } from "../support/source.ts";

const results = readLadderResults();

describe.each(ladders.map((ladder) => [ladder.op, ladder] as const))("%s", (op, ladder) => {
  const readme = readFileSync(readmeOf(ladder), "utf8");

  test("rungs are numbered from 1, and their files exist", () => {
    expect(ladder.rungs.map(({ number }) => number)).toEqual(ladder.rungs.map((_, i) => i + 1));
    for (const file of ladder.rungs.flatMap(({ files }) => files)) {
      expect(existsSync(join(root, "assembly", file)), file).toBe(true);
    }
    expect(ladder.rungs.at(-1)!.ships).toBe(true);
  });

  test("every numbered file is a rung", () => {
    const numbered = readdirSync(join(root, "assembly", ladder.folder)).filter((file) => /^\d.*\.ts$/.test(file));
    const known = ladder.rungs.flatMap(({ files }) => files).map((file) => relative(ladder.folder, file));
    expect(known).toEqual(expect.arrayContaining(numbered));
    for (const rung of ladder.rungs.filter(({ ships }) => !ships)) {
      for (const file of rung.files) expect(relative(ladder.folder, file)).toMatch(new RegExp(`^${rung.number}_`));
    }
  });

  test("the README describes each rung, and no others", () => {
    const headings = readme.matchAll(/^\*\*(?:\[(\d+ [^\]]+)\]|(\d+ [^*]+)\*\*)/gm);
    const described = Array.from(headings, ([, linked, plain]) => linked ?? plain);
    expect(described).toEqual(ladder.rungs.map(({ number, name }) => `${number} ${name}`));
    for (const file of ladder.rungs.flatMap(({ files }) => files)) {
      expect(readme).toContain(`](${relative(dirname(ladder.readme), file)})`);
    }
  });

  test("its table agrees with the recorded run", () => {
    expect(readme).toBe(withTable(readme, results, ladder));
  });

  test("it shows the chart of the recorded run, and its widget", () => {
    expect(readme).toContain(`](${relative(join("assembly", dirname(ladder.readme)), chartFile(ladder))})`);
    expect(readme).toContain(`\n<!-- widget: ladder ${op} -->\n`);
  });

  test("the recorded run has every rung on every layer", () => {
    const rows = results.rows.filter((row) => row.op === op);
    const expected = ladder.layers.flatMap((layer) =>
      Object.keys(ladder.passes).flatMap((pass) =>
        ladder.rungs
          .filter((rung) => rung.passes.includes(pass) && (rung.supports?.(layer) ?? true))
          .map((rung) => `${layer.name} ${pass} ${rung.number} ${rung.name}`),
      ),
    );
    expect(rows.map(({ layer, pass, rung, name }) => `${layer} ${pass} ${rung} ${name}`)).toEqual(expected);
  });
});

test.each(charts(results, ladders))("%s agrees with the recorded run", (file, drawing) => {
  expect(readFileSync(join(root, file), "utf8")).toBe(drawing.toString());
});

test.each([
  ["matmul", "512"],
  ["conv2d", "conv2"],
])("%s %s: in the recorded run the library is at least 15 times as fast as the definition", (op, layer) => {
  const forward = results.rows.filter((row) => row.op === op && row.layer === layer && row.pass === "forward");
  expect(forward[0].milliseconds / forward.at(-1)!.milliseconds).toBeGreaterThan(15);
});

test.each(unrolledKernels)("the loop of $tile.file is exactly as its script writes it", ({ path, tile }) => {
  const source = readFileSync(path, "utf8");
  expect(source.match(/if \(k == \d+\) break;/g)).toHaveLength(tile.steps - 1);
  expect(unrolled(source, tile)).toBe(source);
});

describe.runIf(process.arch === "x64")("machine code", () => {
  const node20 = process.versions.node.startsWith("20.");

  test("the hottest loop of a kernel is found", () => {
    const loop = summary(hottestLoop(machineCode("matmulRegisterTile", join(root, "build/ladder.wasm"))));
    expect(loop.multiplications).toBeGreaterThanOrEqual(8);
    expect(loop.vectorRegisters).toBeGreaterThan(10);
  });

  test.runIf(node20)("the micro-kernel keeps all its values in registers", () => {
    const loop = summary(hottestLoop(machineCode("microKernel4x8", join(root, "build/ladder.wasm"))));
    expect(loop).toMatchObject({ multiplications: 128, loadsOfVectors: 96, spills: 0 });
  });
});
