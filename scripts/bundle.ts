/**
 * Bundles each entry of the package into dist, with what they share in chunks of its own: a program then loads a few files
 * instead of a hundred, which is most of the time that an import takes. Names and lines stay; tsc writes the declarations.
 * usage: tsx scripts/bundle.ts
 */
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
  exports: Record<string, string | Record<string, string>>;
};

const entryPoints = Object.values(exports)
  .flatMap((target) => (typeof target === "string" ? [] : Object.values(target)))
  .filter((path) => path.endsWith(".js"))
  .map((path) => path.replace("./dist/", "src/").replace(/js$/, "ts"));

await build({
  entryPoints: [...new Set(entryPoints)],
  outdir: "dist",
  outbase: "src",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  packages: "external",
  external: ["node:*"],
  sourcemap: true,
  sourcesContent: false, // src is part of the package
  chunkNames: "shared/[hash]",
  tsconfigRaw: {}, // not the paths of this repository
});
