/** The page of examples/onnx/page: a visitor trains a file on dropped pictures, and saves it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { rand } from "wasmgrad";
import { importOnnx } from "wasmgrad/onnx";
import { root } from "../../support/source.ts";
import { askPage, hasBrowser } from "./browsers.ts";

interface Answer {
  error?: string;
  without: string;
  shown: number;
  status: string;
  answers: string;
  saved: { name: string; bytes: number[] };
}

const page = join(root, "examples/onnx/page");
const model = readFileSync(join(root, "test/fixtures/onnx/torch/small_resnet.names.onnx"));
const scripts = new Map<string, string>();

beforeAll(async () => {
  const driver = join(root, "test/product/browser/onnx_driver.ts");
  const { outputFiles } = await build({
    entryPoints: { page: join(page, "page.ts"), worker: join(page, "worker.ts"), driver },
    ...{ bundle: true, write: false, outdir: "/", format: "esm", logLevel: "error", tsconfigRaw: {} },
  });
  for (const { path, text } of outputFiles) scripts.set(path, text);
});

test.each((["chromium", "firefox"] as const).filter(hasBrowser))(
  "%s: a model learns dropped pictures",
  async (name) => {
    const html = readFileSync(join(page, "index.html"), "utf8");
    const answer = (await askPage(name, {}, (path) => {
      if (path === "/") {
        const body = html.replace("</body>", '<script type="module" src="driver.js"></script></body>');
        return { type: "text/html", body };
      }
      if (path === "/model.onnx") return { type: "application/octet-stream", body: model };
      const text = scripts.get(path);
      return text === undefined ? undefined : { type: "text/javascript", body: text };
    })) as Answer;
    expect(answer.error).toBe(undefined);
    expect(answer.without).toBe("Error: choose a model, and pictures of two classes or more");
    expect(answer.shown).toBe(24);
    const [, before, after] = /^trained: loss (\S+) before, (\S+) after$/.exec(answer.status) ?? [];
    expect(Number(before)).toBeGreaterThan(0.5);
    expect(Number(after)).toBeLessThan(0.3 * Number(before));
    // pictures that it has not seen
    expect(answer.answers).toMatch(/^(circle \(\d+ %\), ){4}stripes \(\d+ %\)(, stripes \(\d+ %\)){3}$/);
    expect(answer.saved.name).toBe("fine_tuned.onnx");
    const saved = (await importOnnx(Uint8Array.from(answer.saved.bytes))).eval();
    expect(saved.namedParameters().map(([key]) => key)).toContain("body.conv.weight");
    expect(saved.forward(rand([5, 3, 12, 12])).shape).toEqual([5, 2]);
  },
);
