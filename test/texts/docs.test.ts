/**
 * The ts blocks of all texts and every @example in src. Each is a complete program that type-checks, runs and
 * prints something; if a comment beside console.log gives a value, it prints that value. Other blocks are
 * commands that exist, and exact excerpts.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { formatWithOptions } from "node:util";
import { encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { memoryNavigator } from "../support/memory_storage.ts";
import { testRandom } from "../support/random.ts";
import { readSources, root } from "../support/source.ts";

interface Example {
  /** Its file and line: "src/tensor/lifetime/scope.ts:35". */
  name: string;
  code: string;
  file: string;
}

const folder = join(root, "build/docs");

function blocksOf(path: string, text: string): Example[] {
  return [...text.matchAll(/```ts\n(.*?)```/gs)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length + 1;
    const name = `${path}:${line}`;
    return { name, code: match[1], file: join(folder, `${name.replace(/[^\w]/g, "_")}.ts`) };
  });
}

/** Doc comments without their stars, on their original lines. */
function docComments(text: string): string {
  return text
    .split("\n")
    .map((line) => line.match(/^\s*\* ?(.*)$/)?.[1] ?? "")
    .join("\n");
}

/** A page whose blocks are excerpts, not programs. */
const EXCERPTS = "docs/adding_an_op.md";

const PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const FOLDERS = ["assembly", "bench", "docs", "examples", "src", "test"];

const texts = [...PAGES, ...FOLDERS.flatMap(textsIn)].map((path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
}));

function textsIn(directory: string): string[] {
  const files = readdirSync(join(root, directory), { recursive: true, encoding: "utf8" });
  const ours = files.filter((file) => file.endsWith(".md") && !file.includes("node_modules"));
  return ours.map((file) => join(directory, file));
}

const programs = texts.filter(({ path }) => path !== EXCERPTS).flatMap(({ path, text }) => blocksOf(path, text));
const examples = readSources("src").flatMap((file) => blocksOf(file.path, docComments(file.text)));

/** `1`, `[2, 4]`, `true NaN`: a comment that is a value, not prose. */
const VALUE = /^[\d\s,.[\]e+-]*$|^(true|false|null|NaN|Infinity)$/;

/** The outputs that `console.log(…); // value` promises, in order; null for a line that promises none. */
function promises(code: string): (string | null)[] {
  return [...code.matchAll(/^\s*console\.log\(.*\);?(?:\s*\/\/ (.*))?$/gm)].map(([, comment]) =>
    comment !== undefined && VALUE.test(comment) ? comment : null,
  );
}

const NUMBER = /-?\d+(\.\d+)?(e[+-]?\d+)?/g;

/**
 * Whether the printed text agrees with the comment. White space does not count, nor do digits that the
 * comment leaves out.
 */
function keeps(printed: string, promised: string): boolean {
  const frame = (text: string) => text.replace(/\s/g, "").replace(NUMBER, "#");
  const numbers = (text: string) => [...text.matchAll(NUMBER)];
  const printedNumbers = numbers(printed);
  return (
    frame(printed) === frame(promised) &&
    numbers(promised).every(([number, decimals], i) => {
      const unit = decimals ? 10 ** (1 - decimals.length) : 0;
      return Math.abs(Number(printedNumbers[i][0]) - Number(number)) <= unit;
    })
  );
}

/**
 * The data that `CIFAR10.load({ root: "./data" })` finds instead of downloading: eight images, one per row,
 * and their labels.
 */
function writeTinyCifar10(data: string): void {
  const [images, pixels, channels] = [8, 32 * 32, 3];
  const random = testRandom(5);
  const bytes = Uint8Array.from({ length: images * pixels * channels }, () => random() * 256);
  mkdirSync(data);
  writeFileSync(join(data, "train.png"), encode({ width: pixels, height: images, data: bytes, channels, depth: 8 }));
  writeFileSync(join(data, "train_labels.json"), JSON.stringify(Array.from({ length: images }, (_, i) => i)));
}

/** Runs a program in a new folder and returns its output. */
async function run({ file }: Example): Promise<string[]> {
  const printed: string[] = [];
  const log = vi
    .spyOn(console, "log")
    .mockImplementation((...args) => void printed.push(formatWithOptions({ depth: 9 }, ...args)));
  const before = process.cwd();
  const scratch = mkdtempSync(join(tmpdir(), "wasmgrad-docs-"));
  writeTinyCifar10(join(scratch, "data"));
  process.chdir(scratch);
  // for programs that write files of a page's storage
  vi.stubGlobal("navigator", memoryNavigator().navigator);
  try {
    await import(/* @vite-ignore */ file);
  } finally {
    process.chdir(before);
    log.mockRestore();
    vi.unstubAllGlobals();
    rmSync(scratch, { recursive: true });
  }
  return printed;
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { file, code } of [...programs, ...examples]) writeFileSync(file, `${code}export {};\n`);
  const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false, noImplicitOverride: false };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["*.ts"] }),
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("all programs type-check", () => {
  let errors = "";
  try {
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], { encoding: "utf8" });
  } catch (error) {
    errors = (error as { stdout: string }).stdout;
  }
  expect(errors).toBe("");
});

test("the README's first program is examples/tutorial.ts", () => {
  expect(programs[0].code).toBe(readFileSync(join(root, "examples/tutorial.ts"), "utf8"));
});

test("the blocks of docs/adding_an_op.md are excerpts of the files that they name", () => {
  const { text } = texts.find(({ path }) => path === EXCERPTS)!;
  const excerpts = [...text.matchAll(/`([\w/.]+)`[^`]*\n```ts\n(.*?)```/gs)];
  expect(excerpts.length).toBe(text.split("```ts\n").length - 1);
  for (const [, path, code] of excerpts) expect(readFileSync(join(root, path), "utf8")).toContain(code);
});

test("commands in texts name scripts and files that exist", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
  const commands = texts.flatMap(({ text }) => [...text.matchAll(/npm run ([\w:]+)|npx tsx (\S+\.ts)/g)]);
  const missing = commands.filter(([, script, file]) =>
    script ? !(script in scripts) : !existsSync(join(root, file)),
  );
  expect(missing.map(([command]) => command)).toEqual([]);
});

/** The anchor of a heading, as code hosts form it. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");

test("links in texts have targets that exist", () => {
  const broken = texts.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => link)
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => {
        const [file, anchor] = link.split("#");
        const target = file === "" ? path : join(dirname(path), file);
        if (!existsSync(join(root, target))) return true;
        if (!anchor) return false;
        const headings = readFileSync(join(root, target), "utf8").matchAll(/^#+ (.*)$/gm);
        return !Array.from(headings, ([, heading]) => anchorOf(heading)).includes(anchor);
      })
      .map((link) => `${path}: ${link}`),
  );
  expect(broken).toEqual([]);
});

describe("they run", () => {
  test.each([...programs, ...examples].map((example) => [example.name, example] as const))(
    "%s",
    async (_name, example) => {
      const printed = await run(example);
      expect(printed.length, "lines printed").toBeGreaterThan(0);
      const promised = promises(example.code);
      if (promised.length !== printed.length) return; // in a loop, the comment describes one iteration
      promised.forEach((value, i) => {
        if (value !== null && !keeps(printed[i], value)) expect(printed[i]).toBe(value);
      });
    },
  );
});
