/** Pictures, weights and storage of a page, in Chromium and in Firefox, beside Node's results. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { manualSeed, randn } from "wasmgrad";
import { writeSafetensors } from "wasmgrad/io";
import { decodeImage, fromPixels, fromPixelsAsync } from "wasmgrad/vision";
import { root } from "../../support/source.ts";
import { askPage, type BrowserName, bundlePage, hasBrowser } from "./browsers.ts";

const { images } = JSON.parse(readFileSync(`${root}/test/fixtures/breadth/images.json`, "utf8")) as {
  images: Record<string, { file: string; unchanged: string; oriented?: string }>;
};
const file = (name: string) => new Uint8Array(Buffer.from(images[name].file, "base64"));

const page = '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/page.js"></script>';
let script: string;
let weights: Uint8Array;

interface Answer {
  error?: string;
  images: Record<string, number[]>;
  oriented: number[];
  /** Pixels of the packages that Node uses too. */
  packages: Record<string, number[]>;
  batch: number[];
  folder: { classes: string[]; batches: unknown[] };
  canvases: Record<string, number[]>;
  weights: Record<string, unknown>;
}

beforeAll(async () => {
  script = await bundlePage("files_page.ts");
  manualSeed(3);
  weights = writeSafetensors({ weight: randn([40, 30]) });
});

function ask(browser: BrowserName, asked: string[] = []) {
  return askPage(browser, {}, (path) => {
    asked.push(path);
    if (path === "/") return { type: "text/html", body: page };
    if (path === "/page.js") return { type: "text/javascript", body: script };
    if (path === "/images.json") return { type: "application/json", body: JSON.stringify(Object.keys(images)) };
    if (path.startsWith("/weights")) return { type: "application/octet-stream", body: weights };
    if (path.endsWith(".wasm")) {
      const name = path.startsWith("/webp") ? "webp" : "jpeg";
      const body = readFileSync(join(root, `node_modules/@jsquash/${name}/codec/dec${path}`));
      return { type: "application/wasm", body };
    }
    const name = path.slice("/images/".length);
    return name in images ? { type: "application/octet-stream", body: file(name) } : undefined;
  }) as Promise<Answer>;
}

/** Largest difference of two images' bytes. */
const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), a.length === b.length ? 0 : 256);

describe.each(["chromium", "firefox"] as const)("%s", (browser) => {
  test.skipIf(!hasBrowser(browser))("pictures and weights", async () => {
    const asked: string[] = [];
    const answer = await ask(browser, asked);
    expect(answer.error).toBe(undefined);

    const found: Record<string, number> = {};
    for (const name of Object.keys(images)) {
      const { data, shape } = await decodeImage(file(name));
      const plane = shape[1] * shape[2];
      // a canvas keeps colours times alpha
      const weighted = (bytes: ArrayLike<number>) =>
        Array.from(bytes, (value, i) =>
          name === "alpha.webp" && i < 3 * plane ? (value * data[3 * plane + (i % plane)]) / 255 : value,
        );
      found[name] = difference(weighted(answer.images[name]), weighted(data));
    }
    expect(Object.entries(found).filter(([name, most]) => most > (name === "alpha.webp" ? 1 : 0))).toEqual([]);
    expect(answer.oriented).toEqual([...(await decodeImage(file("turned.jpg"), { applyExifOrientation: true })).data]);

    expect(Object.keys(answer.packages)).toHaveLength(8);
    for (const [name, values] of Object.entries(answer.packages)) {
      const all = fromPixels(await decodeImage(file(name)), { channels: 4 });
      expect([name, values]).toEqual([name, [...all.data()]]);
    }

    const names = Object.keys(images).filter((name) => name.endsWith(".png"));
    const batch = await fromPixelsAsync(names.map(file), { size: [20, 24], fit: "cover" });
    expect(answer.batch).toEqual([...batch.data()]);

    const rgb = async (name: string) => [...(await decodeImage(file(name), { mode: "rgb" })).toTensor().data()];
    expect(answer.folder).toEqual({
      classes: ["gray", "lossless", "rgb"],
      batches: [[...(await rgb("gray.png")), ...(await rgb("lossless.webp"))], [0, 1], await rgb("rgb.jpg"), [2]],
    });

    const data = Uint8ClampedArray.from({ length: 4 * 6 * 5 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
    const expected = [...fromPixels({ data, width: 6, height: 5 }).data()];
    const { video, ...exact } = answer.canvases;
    expect(Object.keys(exact).sort()).toEqual([
      "ImageBitmap",
      "ImageData",
      "OffscreenCanvas",
      "VideoFrame",
      "canvas",
      "drawn",
      "img",
    ]);
    for (const [name, values] of Object.entries(exact)) expect([name, values]).toEqual([name, expected]);
    expect(video).toHaveLength(3 * 6 * 5);

    expect(answer.weights).toEqual({
      fetched: [...weights],
      progress: { loaded: weights.length, total: weights.length },
      stored: [...weights],
      listed: [{ path: "opfs:runs/a.safetensors", size: weights.length }],
      afterFailure: [...weights],
      afterRemoval: [],
      missing: expect.stringMatching(/^DataError: loadSafetensors: http.*expected status 200, got 404/),
      path: expect.stringMatching(/^OptionError: saveSafetensors: a page has no files/),
      aborted: "AbortError",
      inWorker: [...weights],
    });
    expect(asked.filter((path) => path === "/weights")).toHaveLength(1); // then it comes from the cache
  });
});
