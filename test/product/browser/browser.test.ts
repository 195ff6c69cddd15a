/**
 * The package in headless Chromium, bundled without configuration. It trains to the same bits as in Node,
 * with threads on a cross-origin isolated page and without threads elsewhere. CHROMIUM names the browser
 * (default: the system's chromium).
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tensor } from "wasmgrad";
import * as data from "wasmgrad/data";
import * as io from "wasmgrad/io";
import * as plot from "wasmgrad/plot";
import * as ssl from "wasmgrad/self-supervised";
import * as train from "wasmgrad/train";
import * as vision from "wasmgrad/vision";
import { inpaintingWeights } from "../../support/programs/inpainting_weights.ts";
import { bundlePage, ISOLATION } from "./browsers.ts";

const STEPS = 200;

let browser: Browser;
let server: Server;
let expected: string;

beforeAll(async () => {
  const script = await bundlePage("page.ts", { minify: true });
  server = createServer((request, response) => {
    const headers = request.url?.startsWith("/isolated/") ? ISOLATION : {};
    if (request.url?.endsWith(".js")) {
      response.writeHead(200, { "Content-Type": "text/javascript", ...headers }).end(script);
    } else {
      const page = '<!doctype html><title>test</title><script type="module" src="page.js"></script>';
      response.writeHead(200, { "Content-Type": "text/html", ...headers }).end(page);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"],
  });
  expected = (await inpaintingWeights(STEPS, 1)).digest;
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function open(path: string, before = ""): Promise<{ page: Page; said: string[] }> {
  const page = await browser.newPage();
  await page.addInitScript(before);
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}/`);
  await page.waitForFunction("globalThis.inpaintingWeights");
  return { page, said };
}

test.each([1, 2, 3])("an isolated page with %i threads gives Node's bits", async (threads) => {
  const { page, said } = await open("isolated");
  expect(await page.evaluate("crossOriginIsolated")).toBe(true);
  expect(await page.evaluate(`inpaintingWeights(${STEPS}, ${threads})`)).toEqual({ digest: expected, threads });
  expect(page.workers()).toHaveLength(threads - 1);
  expect(said).toEqual([]);
});

test("a page that is not isolated gives Node's bits on one thread, and says once why", async () => {
  const { page, said } = await open("plain");
  expect(await page.evaluate("crossOriginIsolated")).toBe(false);
  expect(await page.evaluate(`inpaintingWeights(${STEPS})`)).toEqual({ digest: expected, threads: 1 });
  expect(page.workers()).toEqual([]);
  expect(said).toEqual([expect.stringMatching(/one thread.*Cross-Origin-Opener-Policy: same-origin/)]);
});

test("if shared memory is refused and SharedArrayBuffer is missing, one thread gives the same bits", async () => {
  const { page, said } = await open(
    "isolated",
    `{
      const { Memory } = WebAssembly;
      WebAssembly.Memory = class extends Memory {
        constructor(descriptor) {
          if (descriptor.shared) throw new RangeError("no shared memory");
          super(descriptor);
        }
      };
      delete globalThis.SharedArrayBuffer;
    }`,
  );
  expect(await page.evaluate(`inpaintingWeights(${STEPS})`)).toEqual({ digest: expected, threads: 1 });
  expect(page.workers()).toEqual([]);
  expect(said).toEqual([expect.stringMatching(/one thread, since WebAssembly memory cannot be shared/)]);
});

test("fast kernels run, and their bits do not depend on the number of threads", async () => {
  const { page } = await open("isolated");
  expect(await page.evaluate('setPrecision("fast")')).toBe("fast");
  const { digest } = (await page.evaluate(`inpaintingWeights(${STEPS}, 1)`)) as { digest: string };
  expect(await page.evaluate(`inpaintingWeights(${STEPS}, 2)`)).toEqual({ digest, threads: 2 });
  expect(await page.evaluate('setPrecision("reproducible")')).toBe("reproducible");
  expect(await page.evaluate(`inpaintingWeights(${STEPS}, 2)`)).toEqual({ digest: expected, threads: 2 });
});

test("workers that end during training only cost speed", async () => {
  const { page } = await open(
    "isolated",
    `{
      const { Worker } = globalThis;
      globalThis.ended = 0;
      globalThis.Worker = class extends Worker {
        constructor(...args) {
          super(...args);
          setTimeout(() => {
            this.terminate();
            globalThis.ended++;
          }, 100);
        }
      };
    }`,
  );
  expect(await page.evaluate(`inpaintingWeights(${STEPS}, 3)`)).toEqual({ digest: expected, threads: 3 });
  expect(await page.evaluate("ended")).toBe(2);
});

test("the entries export the same names as in Node", async () => {
  const { page } = await open("plain");
  for (const [name, module] of Object.entries({ data, io, plot, ssl, train, vision })) {
    expect([name, await page.evaluate(`Object.keys(${name}).sort()`)]).toEqual([name, Object.keys(module).sort()]);
  }
});

test("a picture is downloaded, and a file is picked by an input", async () => {
  const { page } = await open("plain", "delete globalThis.showOpenFilePicker; delete globalThis.showSaveFilePicker;");
  const downloading = page.waitForEvent("download");
  await page.evaluate('vision.savePNG("a/curve.png", new vision.Picture(40, 30))');
  const download = await downloading;
  expect(download.suggestedFilename()).toBe("curve.png");
  expect(readFileSync(await download.path())).toEqual(Buffer.from(vision.encodePNG(new vision.Picture(40, 30))));

  const weights = io.writeSafetensors({ bias: tensor([1, 2, 3]) });
  const choosing = page.waitForEvent("filechooser");
  const picked = page.evaluate(`
    io.pickFiles({ extensions: [".safetensors"] })
      .then(([file]) => io.loadSafetensors(file))
      .then(({ tensors }) => tensors.bias.toArray())`);
  await (await choosing).setFiles({
    name: "a.safetensors",
    mimeType: "application/octet-stream",
    buffer: Buffer.from(weights),
  });
  expect(await picked).toEqual([1, 2, 3]);

  const saving = page.waitForEvent("download");
  expect(await page.evaluate('io.saveFile(new Uint8Array([1, 2]), "two.bin")')).toBe(true);
  expect([...readFileSync(await (await saving).path())]).toEqual([1, 2]);
});
