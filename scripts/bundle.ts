/**
 * Bundles each entry of the package into dist. What the library imports from src/runtime/code/plain.ts, it
 * imports from "wasmgrad/kernels" there, which is another file for pages than for Node. The time of an import depends mostly on the number of files,
 * so everything that the main entry needs is one file, which the other entries share. Names and lines are
 * kept; tsc writes the declarations.
 * usage: tsx scripts/bundle.ts
 */
import { readFileSync, rmSync } from "node:fs";
import { type InputOptions, rolldown } from "rolldown";
import { pureDeclarations } from "./pure_declarations.ts";

const KERNELS = "wasmgrad/kernels";

const { exports, dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
};

const paths = Object.values(exports)
  .flatMap((target) => (typeof target === "string" ? [] : Object.values(target)))
  .filter((path) => path.endsWith(".js"))
  .map((path) => path.slice("./dist/".length, -".js".length));
const codes = [...new Set(paths.filter((path) => path.startsWith("runtime/code/")))];
const names = [...new Set(paths)].filter((path) => !codes.includes(path)).concat("data/worker"); // which a DataLoader starts as a separate program

const options: InputOptions = {
  external: [/^node:/, ...Object.keys(dependencies)],
  platform: "neutral",
  tsconfig: false, // without the paths of this repository
  transform: { target: "es2022" },
};
const entries: InputOptions = {
  ...options,
  plugins: [
    pureDeclarations,
    {
      name: "kernels",
      resolveId: (id) => (id.endsWith("/code/plain.ts") ? { id: KERNELS, external: true } : null),
    },
  ],
};

/** The modules that an entry imports, directly or indirectly. */
async function modulesOf(input: string): Promise<Set<string>> {
  const { output } = await (await rolldown({ ...entries, input })).generate();
  return new Set(output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : [])));
}

rmSync("dist/shared", { recursive: true, force: true }); // whose names change
const core = await modulesOf("src/index.ts");
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
  codeSplitting: { groups: [{ name: "core", test: (id) => core.has(id) }] },
});

const code = await rolldown({ ...options, input: Object.fromEntries(codes.map((path) => [path, `src/${path}.ts`])) });
await code.write({ dir: "dist", entryFileNames: "[name].js", chunkFileNames: "runtime/code/[name].js" });

// a single character beyond Latin-1 makes V8 read the whole file with two bytes per character, which is
// slower
for (const file of output) {
  const found = file.type === "chunk" && /.*[^\0-\xff].*/.exec(file.code);
  if (found) throw new Error(`${file.fileName}: a character that is not Latin-1: ${found[0].trim()}`);
}
