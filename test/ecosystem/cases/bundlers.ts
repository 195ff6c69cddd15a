/** Bundlers: the same page and worker, each built in the way that the bundler's own guide shows. */
import { ISOLATION } from "../../product/browser/browsers.ts";
import type { Case, Run } from "../case.ts";
import { html, modules } from "../program.ts";

const sources = modules("src/", "page", "ask", "probe", "report", "task", "worker");

/** A page on any host, an isolated page, and a module worker of an isolated page. */
const pages: Run[] = [
  { what: "page", page: "/", expect: { threads: 1 } },
  { what: "isolated page", page: "/", headers: ISOLATION, expect: { threads: 2 } },
  { what: "module worker of an isolated page", page: "/?worker", headers: ISOLATION, expect: { threads: 2 } },
  { what: "`wasmgrad/worker`, isolated page", page: "/?task", headers: ISOLATION, expect: { threads: 2 } },
];

/** Parcel finds the entries of a package only with this option. */
const parcelSources = {
  ...sources,
  ...modules("src/", "worker_page", "task_page"),
  "package.json": JSON.stringify({
    private: true,
    type: "module",
    "@parcel/resolver-default": { packageExports: true },
  }),
};
const PARCEL_NEEDS = '`"@parcel/resolver-default": { "packageExports": true }` in package.json';

const classic = (script: string) => html(script, "defer");

export const BUNDLERS: Case[] = [
  {
    name: "vite",
    title: "Vite",
    tool: "vite",
    dependencies: { vite: "8.3.8" },
    files: { ...sources, "index.html": html("/src/page.js") },
    build: ["vite build"],
    folder: "dist",
    runs: pages,
    isQuick: true,
  },
  {
    name: "vite-asset",
    title: "Vite, kernels as a file",
    tool: "vite",
    dependencies: { vite: "8.3.8" },
    files: {
      ...modules("src/", "plain", "probe", "report"),
      "src/page.js": `import url from "wasmgrad/kernels.wasm?url";
import { useKernels } from "wasmgrad";
useKernels(await WebAssembly.compileStreaming(fetch(url)));
await import("./plain.js");`,
      "vite.config.js": `export default { resolve: { alias: { "wasmgrad/kernels": "wasmgrad/kernels/none" } } };`,
      "index.html": html("/src/page.js"),
    },
    build: ["vite build"],
    folder: "dist",
    runs: pages.slice(0, 2),
    needs: "[an alias and `useKernels`](platforms.md#size)",
  },
  {
    name: "vite-dev",
    title: "Vite, development server",
    tool: "vite",
    dependencies: { vite: "8.3.8" },
    files: { ...sources, "index.html": html("/src/page.js") },
    server: "vite --host 127.0.0.1 --port $PORT --strictPort",
    runs: [
      { what: "page", page: "/", expect: { threads: 1 } },
      { what: "module worker", page: "/?worker", expect: { threads: 1 } },
      { what: "`wasmgrad/worker`", page: "/?task", expect: { threads: 1 } },
    ],
  },
  {
    name: "webpack",
    title: "webpack",
    tool: "webpack",
    dependencies: { webpack: "5.113.0", "webpack-cli": "7.3.1" },
    files: { ...sources, "index.html": classic("dist/main.js") },
    build: ["webpack --mode production --entry ./src/page.js"],
    runs: pages,
  },
  {
    name: "rspack",
    title: "Rspack",
    tool: "@rspack/core",
    dependencies: { "@rspack/core": "2.3.3", "@rspack/cli": "2.2.8" },
    files: { ...sources, "index.html": classic("dist/main.js") },
    build: ["rspack build --mode production --entry ./src/page.js"],
    runs: pages,
    isQuick: true,
  },
  {
    name: "parcel",
    title: "Parcel",
    tool: "parcel",
    dependencies: { parcel: "2.16.4" },
    files: { ...sources, "index.html": html("src/page.js") },
    build: ["parcel build index.html --no-cache"],
    folder: "dist",
    runs: [
      {
        what: "without configuration",
        page: "/",
        expect: { error: /Failed to resolve 'wasmgrad\/\w+'/ },
        needs: "the option below for all entries but `wasmgrad`",
      },
    ],
  },
  {
    name: "parcel-exports",
    title: "Parcel",
    tool: "parcel",
    dependencies: { parcel: "2.16.4" },
    files: { ...parcelSources, "index.html": html("src/worker_page.js") },
    build: ["parcel build index.html --no-cache"],
    folder: "dist",
    runs: pages.slice(0, 3),
    needs: PARCEL_NEEDS,
  },
  {
    name: "parcel-task",
    title: "Parcel",
    tool: "parcel",
    dependencies: { parcel: "2.16.4" },
    files: { ...parcelSources, "index.html": html("src/task_page.js") },
    build: ["parcel build index.html --no-cache"],
    folder: "dist",
    runs: pages.slice(3),
    needs: PARCEL_NEEDS,
  },
  {
    name: "parcel-workers",
    title: "Parcel, two workers on one page",
    tool: "parcel",
    dependencies: { parcel: "2.16.4" },
    files: { ...parcelSources, "index.html": html("src/page.js") },
    build: ["parcel build index.html --no-cache"],
    folder: "dist",
    runs: [
      {
        what: "module worker",
        page: "/?worker",
        expect: { error: /Cannot find module/ },
        needs: "one worker file per page: Parcel does not load what two workers share",
      },
    ],
  },
  {
    name: "esbuild",
    title: "esbuild",
    tool: "esbuild",
    dependencies: { esbuild: "0.28.2" },
    files: { ...sources, "index.html": html("dist/page.js") },
    build: ["esbuild src/page.js src/worker.js src/task.js --bundle --minify --format=esm --outdir=dist"],
    runs: pages,
    needs: "each worker is an entry point",
    isQuick: true,
  },
  {
    name: "rollup",
    title: "Rollup",
    tool: "rollup",
    dependencies: { rollup: "4.68.8", "@rollup/plugin-node-resolve": "16.0.3" },
    files: {
      ...sources,
      "index.html": html("dist/page.js"),
      "rollup.config.js": `import { nodeResolve } from "@rollup/plugin-node-resolve";
export default {
  input: ["src/page.js", "src/worker.js", "src/task.js"],
  output: { dir: "dist" },
  plugins: [nodeResolve({ browser: true })],
};`,
    },
    build: ["rollup --config"],
    runs: pages,
    needs: "the plugin node-resolve with `browser: true`; each worker is an entry point",
    isQuick: true,
  },
];
