/** The kernels in parts: what the library contains, in Node and for pages, and programs with some of them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../../src/index.ts"; // with which come all parts
import { identity, kernelBytes, setRelaxedPart } from "../../../src/runtime/binary.ts";
import * as none from "../../../src/runtime/code/none.ts";
import * as packed from "../../../src/runtime/code/packed.ts";
import * as plain from "../../../src/runtime/code/plain.ts";
import { identityOf } from "../../../src/runtime/identity.ts";
import { root } from "../../support/source.ts";

const built = (name: string) => readFileSync(join(root, "build", name));
/** The parts by name. Other exports of the modules are no texts of base64. */
const texts = (code: object) => Object.entries(code).filter(([, text]) => /^[\w+/]{20,}=*$/.test(text));
const pages = new Map<string, string>(texts(packed));

test("the parts together are the kernels as compiled", () => {
  expect(Buffer.compare(kernelBytes("reproducible"), built("kernels.wasm"))).toBe(0);
  setRelaxedPart(plain.relaxed);
  expect(Buffer.compare(kernelBytes("fast"), built("kernels.relaxed.wasm"))).toBe(0);
  expect(identity()).toBe(identityOf(built("kernels.wasm")));
});

test("the base alone is a valid module of less than 60 % of the bytes", () => {
  const base = plain.unpack(plain.base);
  expect(WebAssembly.validate(base)).toBe(true);
  expect(base.length).toBeLessThan(0.6 * built("kernels.wasm").length);
});

test.each(texts(plain))("%s is the same for pages, in less than 42 % of the characters", (name, text) => {
  const small = pages.get(name) ?? "";
  expect(Buffer.compare(packed.unpack(small), plain.unpack(text))).toBe(0);
  expect(small.length).toBeLessThan(0.42 * text.length);
});

test("what takes the place of the code has the same names", () => {
  const names = Object.keys(plain).sort();
  expect(Object.keys(packed).sort()).toEqual(names);
  expect(Object.keys(none).sort()).toEqual(names);
});

describe("a program with some parts", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-parts-"));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Bundles a program that imports the sources, with another module in place of plain.ts, and runs it. */
  async function run(code: "plain" | "packed" | "none", program: string): Promise<string> {
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: join(root, "src"), loader: "ts" },
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      tsconfigRaw: {},
      plugins: [
        {
          name: "code",
          setup: ({ onResolve }) => {
            onResolve({ filter: /code\/plain\.ts$/ }, () => ({ path: join(root, `src/runtime/code/${code}.ts`) }));
          },
        },
      ],
      logLevel: "error",
    });
    expect(outputFiles).toBeUndefined();
    return execFileSync(process.execPath, [join(folder, "stdin.mjs")], { encoding: "utf8" }).trim();
  }

  const late = `
    import { ones, tensor } from "./index.ts";
    const product = () => tensor([[1, 2], [3, 4]]).matmul(ones([2, 2])).toArray();
    const before = JSON.stringify(product());
    const { conv2d } = await import("./nn/functional/conv.ts");
    const y = conv2d(ones([1, 16, 8, 8]), ones([16, 16, 3, 3]), null, { padding: 1 });
    console.log(before, JSON.stringify(product()), Math.round(y.sum().item()));`;

  test.each(["plain", "packed"] as const)("gets the others when it loads them: %s", async (code) => {
    expect(await run(code, late)).toBe("[[3,3],[7,7]] [[3,3],[7,7]] 123904");
  });

  test("without kernels inside, it says so, and runs those it is given", async () => {
    const program = `
      import { readFileSync } from "node:fs";
      import { ones, setPrecision, useKernels } from "./index.ts";
      try { ones([2]); } catch (error) { console.log(String(error)); }
      console.log(setPrecision("fast"));
      useKernels(new WebAssembly.Module(readFileSync(${JSON.stringify(join(root, "dist/kernels.wasm"))})));
      console.log(ones([2]).add(1).toArray());`;
    expect((await run("none", program)).split("\n")).toEqual([
      "KernelsError: kernels: expected useKernels() with wasmgrad/kernels.wasm before the first operation, since this program was built without kernels inside",
      "reproducible",
      "[ 2, 2 ]",
    ]);
  });
});
