import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { root } from "../../support/source.ts";

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, string | { default: string }>;
};
const LIGHT = ["./core", "./plot", "./worker"];
const entries = Object.entries(exports).flatMap(([name, target]) =>
  typeof target !== "string" && target.default.endsWith("/index.js") && !LIGHT.includes(name)
    ? [[name, target.default.replace("./dist/", "src/").replace(/js$/, "ts")]]
    : [],
);

/** An instance of the library in which only these files were imported. */
async function importAlone(...paths: string[]) {
  vi.resetModules();
  for (const path of paths) await import(join(root, path));
  return (await import("../../../src/core/index.ts")) as typeof import("../../../src/core/index.ts");
}

test.each(entries)("an import of %s alone gives tensors all methods", async (_name, path) => {
  const { tensor, Tensor } = await importAlone(path);
  expect(tensor([-1, 1]).relu().toArray()).toEqual([0, 1]);
  const { TensorMatmul } = await import("../../../src/tensor/methods/matmul.ts");
  expect(Object.getPrototypeOf(Tensor.prototype)).toBe(TensorMatmul.prototype);
});

test("an import of core or of plot gives tensors few methods", async () => {
  const { tensor, relu } = await importAlone("src/core/index.ts", "src/plot/index.ts");
  const x = tensor([-1, 1], { requiresGrad: true });
  expect("relu" in x).toBe(false);
  relu(x).backward(tensor([1, 1]));
  expect(x.grad?.toArray()).toEqual([0, 1]);
});
