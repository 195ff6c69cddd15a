/**
 * Bundles each entry of the package into dist. Most of the time that an import takes is the number of
 * files, so all that the main entry needs goes into one, which the others share. Names and lines stay; tsc
 * writes the declarations.
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
  .map((path) => path.slice("./dist/".length, -".js".length));

const options: InputOptions = {
  external: [/^node:/, ...Object.keys(dependencies)],
  platform: "neutral",
  tsconfig: false, // not the paths of this repository
  transform: { target: "es2022" },
};

/** The modules that an entry needs. */
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
  comments: { jsdoc: false }, // the declarations have them
  sourcemap: true,
  sourcemapExcludeSources: true, // src is part of the package
  codeSplitting: { groups: [{ name: "core", test: (id) => core.has(id) }] },
});

// one character beyond Latin-1, and V8 reads a whole file at two bytes a character, which takes longer
for (const file of output) {
  const found = file.type === "chunk" && /.*[^\0-\xff].*/.exec(file.code);
  if (found) throw new Error(`${file.fileName}: a character that is not Latin-1: ${found[0].trim()}`);
}
