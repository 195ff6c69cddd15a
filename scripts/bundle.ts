/**
 * Bundles each entry of the package into dist. The time of an import depends mostly on the number of files,
 * so everything that the main entry needs is one file, which the other entries share. Names and lines are
 * kept; tsc writes the declarations.
 * usage: tsx scripts/bundle.ts
 */
import { readFileSync } from "node:fs";
import { type InputOptions, rolldown } from "rolldown";

const { exports, dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
};

const names = Object.values(exports)
  .flatMap((target) => (typeof target === "string" ? [] : Object.values(target)))
  .filter((path) => path.endsWith(".js"))
  .map((path) => path.slice("./dist/".length, -".js".length))
  .concat("data/worker"); // which a DataLoader starts as a separate program

const options: InputOptions = {
  external: [/^node:/, ...Object.keys(dependencies)],
  platform: "neutral",
  tsconfig: false, // without the paths of this repository
  transform: { target: "es2022" },
};

/** The modules that an entry imports, directly or indirectly. */
async function modulesOf(input: string): Promise<Set<string>> {
  const { output } = await (await rolldown({ ...options, input })).generate();
  return new Set(output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : [])));
}

const core = await modulesOf("src/index.ts");
const bundle = await rolldown({
  ...options,
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

// a single character beyond Latin-1 makes V8 read the whole file with two bytes per character, which is
// slower
for (const file of output) {
  const found = file.type === "chunk" && /.*[^\0-\xff].*/.exec(file.code);
  if (found) throw new Error(`${file.fileName}: a character that is not Latin-1: ${found[0].trim()}`);
}
