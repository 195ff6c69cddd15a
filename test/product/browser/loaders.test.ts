/**
 * Browsers start workers only while the event loop runs. After an await of a loader, code that never awaits
 * must find them running.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { root } from "../../support/source.ts";
import { askPage, bundlePage, hasBrowser, ISOLATION } from "./browsers.ts";

const page = `<!doctype html><meta charset="utf-8"><title>test</title><script>
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      super(descriptor);
      globalThis.theMemory = this;
    }
  };
</script><script type="module" src="/page.js"></script>`;

let script: string;

beforeAll(async () => {
  script = await bundlePage("loaders_page.ts");
});

test.each((["chromium", "firefox"] as const).filter(hasBrowser))(
  "%s: threads run after an await of a loader",
  async (browser) => {
    const answer = await askPage(browser, ISOLATION, (path) => {
      if (path === "/") return { type: "text/html", body: page };
      if (path === "/page.js") return { type: "text/javascript", body: script };
      if (!/^\/data\/test(\.png|_labels\.json)$/.test(path)) return undefined;
      const body = readFileSync(join(root, "examples/data/cifar10-sample", path.slice("/data/".length)));
      return { type: path.endsWith("json") ? "application/json" : "image/png", body };
    });
    const [none, running] = [
      [false, false],
      [true, true],
    ];
    expect(answer).toEqual({
      isolated: true,
      "no loader": none,
      fetchFile: none, // it gives a file, and needs no kernels
      "CIFAR10.load": running,
      "ImageFolder.load": running,
      readCsv: running,
      readImage: running,
      decodeImage: running,
      fromPixelsAsync: running,
      readSafetensors: running,
      loadSafetensors: running,
      loadCheckpoint: running,
      importOnnx: running,
    });
  },
);
