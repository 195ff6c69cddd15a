/**
 * Bundles each entry of the package into dist. What the library imports from src/runtime/code/plain.ts, it
 * imports from "wasmgrad/kernels" there, which is another file for pages than for Node. The time of an import
 * depends mostly on the number of files, so everything that the main entry needs is in three files, which the
 * other entries share: errors and checks, what wasmgrad/core needs, and the rest. Names and lines are kept;
 * tsc writes the declarations.
 * usage: tsx scripts/bundle.ts
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { resolve } from "node:path";
import { type InputOptions, type Plugin, rolldown } from "rolldown";
import { esmExternalRequirePlugin } from "rolldown/plugins";
import { DEFINITIONS, licencesOf } from "./bundled_packages.ts";
import { pureDeclarations } from "./pure_declarations.ts";

const KERNELS = "wasmgrad/kernels";

const { exports, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  exports: Record<string, string | Record<string, string>>;
  peerDependencies: Record<string, string>;
};

const paths = Object.values(exports)
  .flatMap((target) => (typeof target === "string" ? [] : Object.values(target)))
  .filter((path) => path.endsWith(".js"))
  .map((path) => path.slice("./dist/".length, -".js".length));
const codes = [...new Set(paths.filter((path) => path.startsWith("runtime/code/")))];
// a DataLoader starts its workers as separate programs
const names = [...new Set(paths), "data/worker"].filter((path) => !codes.includes(path));

const options: InputOptions = {
  external: [/^node:/, ...Object.keys(peerDependencies)],
  platform: "neutral",
  resolve: { mainFields: ["module", "main"] },
  plugins: [esmExternalRequirePlugin({ external: [...builtinModules] })],
  tsconfig: false, // without the paths of this repository
  // for a plain `process`, Parcel looks for a package
  transform: { target: "es2022", define: { process: "globalThis.process", ...DEFINITIONS } },
};
const entries: InputOptions = {
  ...options,
  plugins: [
    ...(options.plugins as Plugin[]),
    pureDeclarations,
    {
      name: "kernels",
      resolveId: (id) => {
        if (id.endsWith("/code/plain.ts")) return { id: KERNELS, external: true };
        return id === "papaparse" ? { id: "../third_party/papaparse.js", external: true } : null;
      },
    },
  ],
};

/** The modules that an entry imports, directly or indirectly. */
async function modulesOf(input: string): Promise<Set<string>> {
  const { output } = await (await rolldown({ ...entries, input })).generate();
  return new Set(output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : [])));
}

rmSync("dist/shared", { recursive: true, force: true }); // whose names change
const base = await modulesOf("src/worker/connect.ts");
const core = await modulesOf("src/core/index.ts");
const main = await modulesOf("src/index.ts");
const bundle = await rolldown({
  ...entries,
  input: Object.fromEntries(names.map((name) => [name, `src/${name}.ts`])),
});
const { output } = await bundle.write({
  dir: "dist",
  entryFileNames: "[name].js",
  chunkFileNames: "shared/[name]-[hash].js",
  minifyInternalExports: false,
  comments: { jsdoc: false }, // the declarations have the docstrings
  sourcemap: true,
  sourcemapExcludeSources: true, // src is part of the package
  codeSplitting: {
    groups: [
      // apart from the tensors, so that a page that only talks to a worker does not load them
      { name: "base", test: (id) => base.has(id) && core.has(id) },
      { name: "core", test: (id) => core.has(id) && !base.has(id) },
      // package.json names this file among those with side effects: it gives tensors their methods
      { name: "main", test: (id) => main.has(id) && !core.has(id) },
    ],
  },
});

// separate files, which share no module with others: some bundlers lose what a lazily loaded file shares
const parsed = await rolldown({ ...options, input: { papaparse: "papaparse" } });
const parser = await parsed.write({ dir: "dist/third_party", comments: { legal: true } });
const progress = await rolldown({ ...options, platform: "node", input: { "cli-progress": "cli-progress" } });
const bars = await progress.write({ dir: "dist/third_party", format: "cjs", entryFileNames: "[name].cjs" });

const code = await rolldown({ ...options, input: Object.fromEntries(codes.map((path) => [path, `src/${path}.ts`])) });
await code.write({ dir: "dist", entryFileNames: "[name].js", chunkFileNames: "runtime/code/[name].js" });

/**
 * The library for pages without a bundler, in one file: the main entry, and the others as namespaces, without
 * `onnx`, which most pages do not need.
 */
const page = await rolldown({
  ...options,
  plugins: [
    {
      name: "page",
      resolveId: (id) =>
        id === "page" ? id : id.endsWith("/code/plain.ts") ? resolve("src/runtime/code/packed.ts") : null,
      load: (id) => (id === "page" ? pageSource() : null),
    },
  ],
  input: "page",
});
await page.write({ file: "dist/wasmgrad.min.js", minify: true, codeSplitting: false, comments: false });

function pageSource(): string {
  const others = Object.entries(exports).flatMap(([name, target]) => {
    const path = typeof target === "string" ? "" : (target.browser ?? target.default);
    if (name === "." || name === "./onnx" || !path.endsWith("index.js")) return [];
    const namespace = name.slice("./".length).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const source = resolve(path.replace("./dist/", "src/").replace(/js$/, "ts"));
    return `export * as ${namespace} from ${JSON.stringify(source)};\n`;
  });
  return `export * from ${JSON.stringify(resolve("src/index.ts"))};\n${others.join("")}`;
}

writeFileSync(
  "dist/third_party.md",
  licencesOf(
    [...output, ...parser.output, ...bars.output].flatMap((file) => (file.type === "chunk" ? file.moduleIds : [])),
  ),
);

// a single character beyond Latin-1 makes V8 read the whole file with two bytes per character, which is
// slower
for (const file of output) {
  const isOwn = file.type === "chunk" && file.moduleIds.some((id) => /^(?!.*node_modules).*[\\/]src[\\/]/.test(id));
  const found = isOwn && /.*[^\0-\xff].*/.exec(file.code);
  if (found) throw new Error(`${file.fileName}: a character that is not Latin-1: ${found[0].trim()}`);
}
