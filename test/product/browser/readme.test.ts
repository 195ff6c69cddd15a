/**
 * The README's program, and a run with checkpoints, bundled for browsers without configuration: in Chromium
 * and in Firefox they end with the bits of Node.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testRandom } from "../../support/random.ts";
import { root } from "../../support/source.ts";
import { askPage, hasBrowser } from "./browsers.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The README's program, then a line that sends what it printed and its weights. */
const readme = `
import { manualSeed } from "wasmgrad";
import { writeSafetensors } from "wasmgrad/io";
import { send } from "${root}/test/product/browser/send.ts";
const lines = [];
console.log = (line) => void lines.push(line);
manualSeed(0);
${readFileSync(join(root, "README.md"), "utf8").match(/```ts\n(.*?)```/s)?.[1]}
await send({ lines, weights: await digest(writeSafetensors(model.stateDict())) });
async function digest(bytes) {
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))).join();
}`;

const data = new Map<string, Uint8Array>();
const scripts = new Map<string, string>();
const expected = new Map<string, unknown>();

async function bundle(name: string, contents: string, platform: "browser" | "node"): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, loader: "ts", resolveDir: root, sourcefile: `${name}.ts` },
    bundle: true,
    write: false,
    format: "esm",
    platform,
    minify: true,
    logLevel: "error",
    tsconfigRaw: {}, // not this repository's: "wasmgrad" must be found by the package's exports
    packages: platform === "node" ? "external" : undefined,
  });
  return outputFiles[0].text;
}

beforeAll(async () => {
  const [images, pixels, channels] = [8, 32 * 32, 3];
  const random = testRandom(5);
  const bytes = Uint8Array.from({ length: images * pixels * channels }, () => random() * 256);
  data.set("/data/train.png", encode({ width: pixels, height: images, data: bytes, channels, depth: 8 }));
  data.set("/data/train_labels.json", new TextEncoder().encode("[0,1,2,3,4,5,6,7]"));
  mkdirSync(join(folder, "data"));
  for (const [path, file] of data) writeFileSync(join(folder, path), file);

  const programs = {
    readme,
    run: readFileSync(new URL("run_program.ts", import.meta.url), "utf8").replace(
      "./send.ts",
      `${root}/test/product/browser/send.ts`,
    ),
  };
  for (const [name, contents] of Object.entries(programs)) {
    scripts.set(name, await bundle(name, contents, "browser"));
    const program = join(root, `build/${name}-${process.pid}.mjs`); // where the package is found by its name
    writeFileSync(program, await bundle(name, contents, "node"));
    try {
      expected.set(name, JSON.parse(execFileSync("node", [program], { cwd: folder, encoding: "utf8" })));
    } finally {
      rmSync(program);
    }
  }
});

const page = '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/page.js"></script>';

describe.each(["chromium", "firefox"] as const)("%s", (browser) => {
  test.skipIf(!hasBrowser(browser)).each(["readme", "run"])("%s", async (name) => {
    const missing: string[] = [];
    const { errors, ...answer } = (await askPage(browser, {}, (path) => {
      if (path === "/") return { type: "text/html", body: page };
      if (path === "/page.js") return { type: "text/javascript", body: scripts.get(name) as string };
      const body = data.get(path);
      if (!body) missing.push(path);
      return body && { type: "application/octet-stream", body };
    })) as { errors?: string[] };
    expect(answer).toEqual(expected.get(name));
    expect(missing.filter((path) => !["/favicon.ico", "/none.tar.gz"].includes(path))).toEqual([]);
    if (errors) {
      expect(errors).toEqual([
        expect.stringMatching(
          /^DataError: CIFAR10.sample: the sample is missing: .*pass their folder's address to CIFAR10.load/,
        ),
        expect.stringMatching(/^OptionError: ImageFolder.load: a page has no folder ".\/pictures"; pass "opfs:..."/),
        expect.stringMatching(/^DataError: MNIST.load: no training images under opfs:nowhere/),
        expect.stringMatching(/^DataError: CIFAR10.load: cifar-10-binary.tar.gz could not be fetched; put a copy on/),
        expect.stringMatching(/^OptionError: Run: a page has no files; write await Run.open\("opfs:run", ...\)/),
        expect.stringMatching(/^OptionError: saveTrainer: a page has no files, got the path "a.safetensors"/),
      ]);
    }
  });
});

test.each<[string, string[]]>([
  ['import { transforms } from "wasmgrad/vision"; console.log(transforms.resize);', []],
  ['import { fromPixels, toPixels } from "wasmgrad/vision"; console.log(fromPixels, toPixels);', []],
  ['import { Trainer } from "wasmgrad/train"; console.log(Trainer);', []],
  ['import { loadSafetensors } from "wasmgrad/io"; console.log(loadSafetensors);', ["storage"]],
  ['import { CIFAR10 } from "wasmgrad/vision"; console.log(CIFAR10);', ["storage", "png", "sets"]],
])("a bundle holds only what it uses: %s", async (program, expected) => {
  const bundled = await bundle("part", program, "browser");
  const marks = {
    codecs: "mozjpeg",
    pickers: "showOpenFilePicker",
    png: "IHDR",
    runs: "results.json",
    sets: "cifar-10-batches",
    storage: "getDirectory",
  };
  const found = Object.entries(marks).filter(([, mark]) => bundled.includes(mark));
  expect(found.map(([part]) => part).sort()).toEqual(expected.sort());
});
