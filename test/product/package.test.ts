/** The package as a user gets it: packed, unpacked elsewhere, imported and type-checked there. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { build as rolldownBuild } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  compile,
  LIBS,
  linkInto,
  pack,
  runProgram,
  strayFiles,
  type Tarball,
  typeCheck,
} from "../../scripts/package_check.ts";
import { root } from "../support/source.ts";

interface Manifest {
  exports: Record<string, string | Record<string, string>>;
  typesVersions: Record<"*", Record<string, string[]>>;
  dependencies?: Record<string, string>;
}
const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

let project: string;
let tarball: Tarball;

beforeAll(async () => {
  execFileSync(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "-p",
    join(root, "tsconfig.build.json"),
  ]);
  project = mkdtempSync(join(tmpdir(), "wasmgrad-package-"));
  tarball = pack(project);
  await linkInto(project, tarball);
}, 60_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

test("the package holds the library, its sources and nothing else", () => {
  expect(strayFiles(tarball.files)).toEqual([]);
  for (const target of Object.values(manifest.exports)) {
    const paths = typeof target === "string" ? [target] : Object.values(target);
    for (const path of paths) expect(tarball.files).toContain(path.slice("./".length));
  }
  // 250 KB of it is wasmgrad.min.js, which pages without a bundler load
  expect(tarball.size).toBeLessThan(2_500_000);
});

test("the package names no folder of the machine that built it", () => {
  const naming = tarball.files.filter((file) =>
    readFileSync(join(project, "node_modules/wasmgrad", file), "latin1").includes(root),
  );
  expect(naming).toEqual([]);
});

/** Members of the public classes that only the library uses, by their declaration file. */
const INTERNAL: Record<string, string[]> = {
  "tensor/methods/base.d.ts": ["handle", "array", "accumulateGrad"],
  "tensor/tensor.d.ts": ["constructor", "contents", "handle", "array", "accumulateGrad"],
  "tensor/lifetime/scope.d.ts": ["handles", "awaited", "claimTensors", "handOver", "take", "moveToParent", "adopting"],
  "tensor/generator.d.ts": ["take"],
  "tensor/trace.d.ts": ["constructor"],
  "data/data_loader.d.ts": ["batches"],
  "nn/module.d.ts": ["ownParameters", "ownModules", "ownBuffers"],
  "nn/layers/conv.d.ts": ["window"],
  "vision/datasets/image_dataset.d.ts": ["constructor"],
  "vision/datasets/image_folder.d.ts": ["constructor"],
};

/** The members that the classes in a declaration file show to users. */
function declaredMembers(text: string): Set<string> {
  const code = text.replace(/\/\*.*?\*\//gs, "");
  const member = /^ {4}(?:static |readonly |protected |abstract |get |set )*(\w+)\b/gm;
  return new Set(Array.from(code.matchAll(member), ([, name]) => name));
}

test.each(Object.entries(INTERNAL))("%s shows no internal member", (file, internal) => {
  const members = declaredMembers(readFileSync(join(project, "node_modules/wasmgrad/dist", file), "utf8"));
  expect(members.size).toBeGreaterThan(0);
  expect(internal.filter((name) => members.has(name))).toEqual([]);
  const source = readFileSync(join(root, "src", file.replace(/\.d\.ts$/, ".ts")), "utf8");
  expect(internal.filter((name) => !declaredMembers(source.replaceAll(/^ {2}(?=\S)/gm, "    ")).has(name))).toEqual([]);
});

test("an internal member is noticed", () => {
  const text = "export declare class A {\n    /** Not b. */\n    get handle(): B;\n    static outside(): void;\n}";
  expect([...declaredMembers(text)]).toEqual(["handle", "outside"]);
});

test("no declaration in the package is marked as internal", () => {
  const marked = tarball.files.filter(
    (file) =>
      file.endsWith(".d.ts") && /@internal/.test(readFileSync(join(project, "node_modules/wasmgrad", file), "utf8")),
  );
  expect(marked).toEqual([]);
});

test("the package trains a network in a project that installed it", { timeout: 30_000 }, () => {
  expect(runProgram(project)).toMatch(/loss 0\.\d+ -> 0\.\d+/);
});

test("older ways to find types know every entry", () => {
  const expected = Object.entries(manifest.exports).flatMap(([name, target]) =>
    name === "." || typeof target === "string" ? [] : [[name.slice("./".length), [target.types]]],
  );
  expect(manifest.typesVersions["*"]).toEqual(Object.fromEntries(expected));
});

test("the files of the package import no other package", () => {
  expect(manifest.dependencies).toBeUndefined();
  const isFile = (name: string) => /^(\.|node:)/.test(name) || builtinModules.includes(name);
  const imported = tarball.files
    .filter((file) => /^dist\/.*\.js$/.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(project, "node_modules/wasmgrad", file), "utf8");
      return Array.from(text.matchAll(/^(?:import|export)\b[^;\n]*? from "([^"]+)"|\bimport\("([^"]+)"\)/gm));
    })
    .map(([, name, lazily]) => name ?? lazily)
    .filter((name) => !isFile(name));
  expect(new Set(imported)).toEqual(new Set(["wasmgrad/kernels"]));
});

test("wasmgrad.min.js has every entry, and computes", () => {
  const file = join(project, "node_modules/wasmgrad/dist/wasmgrad.min.js");
  expect(readFileSync(file, "utf8")).not.toMatch(/(from|import\()\s*["']/);
  const program = `
    import * as wasmgrad from ${JSON.stringify(pathToFileURL(file).href)};
    const { data, extend, io, nn, ones, optim, plot, selfSupervised, testing, tensor, train, vision } = wasmgrad;
    console.log([data, extend, io, nn, optim, plot, selfSupervised, testing, train, vision].every((part) => typeof part === "object"));
    console.log(tensor([[1, 2], [3, 4]]).matmul(ones([2, 1])).toArray());
    const table = await data.readCsv("a,b\\n1,2\\n");
    console.log(vision.encodePNG(new vision.Picture(2, 2)).length > 60, table.matrix().toArray());`;
  const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect(printed.trim().split("\n")).toEqual(["true", "[ [ 3 ], [ 7 ] ]", "true [ [ 1, 2 ] ]"]);
});

/** A bundle for pages, of a program that imports the package as it was installed. */
async function bundle(program: string, { alias = {}, minify = true }: Pick<BuildOptions, "alias" | "minify"> = {}) {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: project },
    bundle: true,
    minify,
    format: "esm",
    platform: "browser",
    alias,
    write: false,
  });
  return outputFiles[0];
}

const METHODS = `
  import { tensor } from "wasmgrad";
  console.log(tensor([[1, 2], [3, 4]]).matmul(tensor([[1], [2]])).toArray());`;
const FUNCTIONS = `
  import { matmul, tensor } from "wasmgrad/core";
  console.log(matmul(tensor([[1, 2], [3, 4]]), tensor([[1], [2]])).toArray());`;
const BESIDE = { "wasmgrad/kernels": "wasmgrad/kernels/none" };

test.each([
  ["functions, kernels inside", FUNCTIONS, {}, 54_500],
  ["functions, beside kernels.wasm", FUNCTIONS, BESIDE, 24_000],
  ["methods, kernels inside", METHODS, {}, 85_000],
  ["methods, beside kernels.wasm", METHODS, BESIDE, 52_000],
])("a bundle for a matrix product is small, %s", async (_name, program, alias, most) => {
  const { contents } = await bundle(program, { alias });
  expect(gzipSync(contents, { level: 9 }).length).toBeLessThan(most);
});

/** The same by another bundler. */
async function rolldownBundle(program: string): Promise<string> {
  const { output } = await rolldownBuild({
    input: "program",
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === "program" ? join(project, "program.js") : null),
        load: (id) => (id === join(project, "program.js") ? program : null),
      },
    ],
    platform: "browser",
    external: [/^node:/, /^@jsquash/],
    logLevel: "silent",
    output: { codeSplitting: false, minify: true },
    write: false,
  });
  return output[0].code;
}

/** What an ES module prints. */
function printed(program: string): string {
  const input = program;
  return execFileSync(process.execPath, ["--input-type=module", "-"], { encoding: "utf8", cwd: project, input });
}

test("a bundle of wasmgrad/core has the operations that it uses and no others", async () => {
  const { text } = await bundle(FUNCTIONS, { minify: false });
  const operations = [...text.matchAll(/^(?:var|const|let|class) (\w+)\b.*\bextends \w*Op\w*\b/gm)];
  expect(operations.map(([, name]) => name)).toEqual(["MatMul"]);
  const classes = [...text.matchAll(/^(?:var|class) (Tensor[A-Z]\w*)/gm)];
  expect(new Set(classes.map(([, name]) => name))).toEqual(new Set(["TensorBase", "TensorValues"]));
  expect(printed(text).trim()).toBe("[ [ 5 ], [ 11 ] ]");
});

test("a page that only talks to a worker loads no tensors and no kernels", async () => {
  const { text } = await bundle('import { connect } from "wasmgrad/worker"; console.log(typeof connect);', {
    minify: false,
  });
  expect(text).not.toMatch(/class Tensor\b|WebAssembly\./);
  expect(printed(text).trim()).toBe("function");
});

/**
 * Entries whose import promises no methods beyond those of wasmgrad/core: plot and worker make no tensors.
 * What a worker's tasks need gives tensors all methods nevertheless; `connect` does not.
 */
const LIGHT = ["./core", "./plot", "./worker"];
const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target !== "string" && target.default.endsWith("/index.js") ? [name] : [],
);
const full = entries.filter((name) => !LIGHT.includes(name));
const packageName = (entry: string) => entry.replace(".", "wasmgrad");
const CORE = 'import { matmul, tensor } from "wasmgrad/core"; const x = tensor([[-1, 1]]);';
const SHOW = "console.log(typeof x.softmax, typeof x.registerHook, typeof x.cdist, x.numel());";

test.each(full)("tensors have all methods beside the entry %s", async (entry) => {
  const all = "function function function 2";
  const name = packageName(entry);
  expect(printed(`import ${JSON.stringify(name)}; ${CORE}${SHOW}`).trim()).toBe(all);
  // one name of the entry, so that a bundler leaves out as much as it can
  const one = `import * as entry from ${JSON.stringify(name)};
    console.log(Object.keys(entry).find((key) => typeof entry[key] === "function"));`;
  const used = printed(one).trim();
  const program = `import { ${used} as used } from ${JSON.stringify(name)}; ${CORE}${SHOW} console.log(typeof used);`;
  expect(printed((await bundle(program)).text).trim()).toBe(`${all}\nfunction`);
  expect(printed(await rolldownBundle(program)).trim()).toBe(`${all}\nfunction`);
});

test.each(["./core", "./plot"])("tensors have few methods beside the entry %s alone", async (entry) => {
  const program = `import * as entry from ${JSON.stringify(packageName(entry))}; ${CORE}${SHOW}
    console.log(Object.keys(entry).length > 0);`;
  expect(printed((await bundle(program)).text).trim()).toBe("undefined undefined undefined 2\ntrue");
});

test("tensors that exist get all methods when a program imports the library later", () => {
  const later = 'const { Tensor } = await import("wasmgrad"); console.log(x.relu().toArray(), x instanceof Tensor);';
  expect(printed(CORE + later).trim()).toBe("[ [ 0, 1 ] ] true");
});

test("tensors of a data set have all methods where only wasmgrad/data and wasmgrad/core are imported", async () => {
  const program = `
    import { TensorDataset } from "wasmgrad/data";
    import { zeros } from "wasmgrad/core";
    console.log(new TensorDataset(zeros([2, 3])).get(0)[0].softmax(0).shape);`;
  expect(printed(program).trim()).toBe("[ 3 ]");
  expect(printed((await bundle(program)).text).trim()).toBe("[ 3 ]");
});

test.each(entries)("for TypeScript, tensors have the methods that they have beside %s", (entry) => {
  const name = JSON.stringify(packageName(entry));
  const expectation = LIGHT.includes(entry) ? "// @ts-expect-error there is no such method" : "";
  const program = `import type { Tensor } from "wasmgrad/core";
    import type * as entry from ${name};
    export type Entry = typeof entry;
    declare const x: Tensor;
    ${expectation}
    x.softmax(1);`;
  writeFileSync(join(project, "methods.ts"), program);
  const options = { target: "es2022", module: "nodenext", strict: true, skipLibCheck: true, noEmit: true, types: [] };
  expect(compile(project, "methods.ts", options)).toBe("");
});

const resolutions = ["node16", "nodenext", "bundler"] as const;
test.each(resolutions.flatMap((resolution) => LIBS.map((lib) => ({ resolution, lib }))))(
  "types resolve: $resolution, $lib",
  ({ resolution, lib }) => {
    expect(typeCheck(project, resolution, lib)).toBe("");
  },
);
