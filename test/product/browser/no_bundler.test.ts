/** Pages that load the built package without a bundler, in Chromium and in Firefox. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { manualSeed, nn, rand } from "wasmgrad";
import { root } from "../../support/source.ts";
import { askPage, hasBrowser, ISOLATION } from "./browsers.ts";

/** Trains a layer, and answers with a sum of its weights. */
const TRAIN = `
  manualSeed(1);
  const layer = new nn.Conv2d(3, 4, { kernelSize: 3 });
  layer.forward(rand([2, 3, 8, 8])).square().sum().backward();
  const sum = layer.weight.grad.sum().item();`;
const ANSWER = 'const answer = (value) => fetch("/answer", { method: "POST", body: JSON.stringify(value) });';

let expected: number;

beforeAll(() => {
  manualSeed(1);
  const layer = new nn.Conv2d(3, 4, { kernelSize: 3 });
  layer
    .forward(rand([2, 3, 8, 8]))
    .square()
    .sum()
    .backward();
  expected = layer.weight.grad!.sum().item();
});

const script = (program: string) => `<script type="module">${ANSWER}${program}</script>`;
const importMap = (kernels: string) => {
  const entries = ["train", "vision", "plot", "io"].map((name) => [`wasmgrad/${name}`, `/dist/${name}/index.js`]);
  const imports = { wasmgrad: "/dist/index.js", "wasmgrad/data": "/dist/data/index.js", "wasmgrad/kernels": kernels };
  return `<script type="importmap">${JSON.stringify({ imports: { ...imports, ...Object.fromEntries(entries) } })}</script>`;
};

const PAGES: [name: string, page: string, answer: (sum: number) => unknown][] = [
  [
    "the single file",
    script(`
      import { manualSeed, nn, rand, vision, selfSupervised } from "/dist/wasmgrad.min.js";${TRAIN}
      answer([sum, vision.encodePNG(new vision.Picture(2, 2)).length > 60, typeof selfSupervised]);`),
    (sum) => [sum, true, "object"],
  ],
  [
    "the single file in a module worker",
    script(`
      const source = 'import { manualSeed, nn, rand } from "' + location.origin + '/dist/wasmgrad.min.js";' +
        ${JSON.stringify(`${TRAIN} postMessage(sum);`)};
      const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), { type: "module" });
      worker.onmessage = ({ data }) => answer(data);`),
    (sum) => sum,
  ],
  [
    "an import map",
    importMap("/dist/runtime/code/packed.js") +
      script(`
        import { manualSeed, nn, rand } from "wasmgrad";
        import { readCsv } from "wasmgrad/data";
        import { Trainer } from "wasmgrad/train";
        import { encodePNG, Picture } from "wasmgrad/vision";${TRAIN}
        const table = await readCsv("a,b\\n1,2\\n");
        answer([sum, table.matrix().toArray(), typeof Trainer, encodePNG(new Picture(2, 2)).length > 60]);`),
    (sum) => [sum, [[1, 2]], "function", true],
  ],
  [
    "kernels.wasm as a file",
    importMap("/dist/runtime/code/none.js") +
      script(`
        import { manualSeed, nn, rand, useKernels } from "wasmgrad";
        useKernels(await WebAssembly.compileStreaming(fetch("/dist/kernels.wasm")));${TRAIN}
        answer(sum);`),
    (sum) => sum,
  ],
];

describe.each(["chromium", "firefox"] as const)("%s", (browser) => {
  describe.each([
    ["isolated", ISOLATION],
    ["not isolated", {}],
  ])("%s", (_name, headers) => {
    test.skipIf(!hasBrowser(browser)).each(PAGES)("%s trains to Node's bits", async (_page, page, answer) => {
      const reply = await askPage(browser, headers, (path) => {
        if (path === "/") return { type: "text/html", body: `<!doctype html><title>test</title>${page}` };
        if (!/^\/dist\/[\w/.-]+\.(js|wasm)$/.test(path) || path.includes("..")) return undefined;
        const type = path.endsWith(".wasm") ? "application/wasm" : "text/javascript";
        return { type, body: readFileSync(join(root, path)) };
      });
      expect(reply).toEqual(answer(expected));
    });
  });
});
