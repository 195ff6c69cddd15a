/** The files of program/, in the form that a project needs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";

/** A file of program/ as it is, in TypeScript. */
export function ts(name: string): string {
  return readFileSync(join(import.meta.dirname, "program", `${name}.ts`), "utf8");
}

const compiled = (name: string, format: "esm" | "cjs", extension: string) =>
  transformSync(ts(name).replaceAll(/(?<=["']\.\/\w+)\.ts(?=["'])/g, extension), {
    loader: "ts",
    format,
    target: "es2022",
  }).code;

/** A file of program/ as an ES module. */
export const js = (name: string) => compiled(name, "esm", ".js");

/** A file of program/ as a CommonJS module. */
export const cjs = (name: string) => compiled(name, "cjs", ".cjs");

/** ES modules in a folder of the project. */
export function modules(folder: string, ...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${folder}${name}.js`, js(name)]));
}

/** A page with a script, which is a module unless `kind` says otherwise. */
export const html = (script: string, kind = 'type="module"') =>
  `<!doctype html><html lang="en" data-answer="/answer"><meta charset="utf-8"><title>test</title><body>` +
  `<script ${kind} src="${script}"></script></body></html>`;
