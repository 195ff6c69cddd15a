/** Pages without a bundler or with the simplest one: workers, frames, policies, extensions. */
import { ISOLATION } from "../../product/browser/browsers.ts";
import { type Case, type Expectation, REFUSED, type Run } from "../case.ts";
import { html, modules } from "../program.ts";

const ALL = ["chromium", "firefox", "webkit"] as const;

/** Frames of other origins, and the scripts of sandboxed frames, must be allowed to be loaded. */
const ISOLATED = {
  ...ISOLATION,
  "Cross-Origin-Resource-Policy": "cross-origin",
  "Access-Control-Allow-Origin": "*",
};

const underPolicy = (policy: string, expect: Expectation, needs = ""): Run => ({
  what: `\`${policy}\``,
  page: "/page.html",
  browsers: ALL,
  headers: { ...ISOLATED, "Content-Security-Policy": policy },
  expect,
  needs,
});

/** Writes a page whose import map names all entries of the installed package, as for browsers. */
const WRITE_MAP = `import { readFileSync, writeFileSync } from "node:fs";
const { exports } = JSON.parse(readFileSync("node_modules/wasmgrad/package.json", "utf8"));
const imports = {};
for (const [entry, target] of Object.entries(exports)) {
  const file = typeof target === "string" ? target : (target.browser ?? target.default);
  if (file.endsWith(".js")) imports["wasmgrad" + entry.slice(1)] = "/node_modules/wasmgrad" + file.slice(1);
}
const map = '<script type="importmap">' + JSON.stringify({ imports }) + "</script>";
writeFileSync("index.html", readFileSync("page.html", "utf8").replace("<body>", map + "<body>"));`;

/** Entries as the single file has them: namespaces. */
const namespace = (name: string, ...names: string[]) =>
  `import { ${name} } from "/node_modules/wasmgrad/dist/wasmgrad.min.js";
export const { ${names.join(", ")} } = ${name};`;

const singleFileMap = `<script type="importmap">${JSON.stringify({
  imports: {
    wasmgrad: "/node_modules/wasmgrad/dist/wasmgrad.min.js",
    "wasmgrad/data": "/data.js",
    "wasmgrad/train": "/train.js",
  },
})}</script>`;

/** Other browsers than Chromium isolate frames of an isolated page without being asked. */
const TWO_IN_FIREFOX: Expectation = { threads: 1, but: { firefox: 2 } };
const ONE_IN_CHROMIUM: Expectation = { threads: 1, but: { firefox: 2, webkit: 2 } };

const places: Run[] = [
  { what: "shared worker", page: "/?shared", expect: { threads: 1 } },
  { what: "shared worker of an isolated page", page: "/?shared", headers: ISOLATED, expect: { threads: 1 } },
  { what: "service worker", page: "/?service", expect: { threads: 1 } },
  { what: "frame", page: "/?frame", expect: { threads: 1 } },
  { what: "frame of an isolated page", page: "/?frame", headers: ISOLATED, expect: { threads: 2 } },
  { what: "sandboxed frame of an isolated page", page: "/?sandbox", headers: ISOLATED, expect: TWO_IN_FIREFOX },
  {
    what: "frame of another origin, isolated page",
    page: "/?other",
    headers: ISOLATED,
    expect: ONE_IN_CHROMIUM,
    needs: '`allow="cross-origin-isolated"` on the frame for threads',
  },
  {
    what: "the same, allowed",
    page: "/?other&allowed",
    headers: ISOLATED,
    expect: { threads: 2 },
    needs: '`allow="cross-origin-isolated"` on the frame',
  },
];

const extensionFiles = (folder: string, manifest: object) => ({
  [`${folder}/manifest.json`]: JSON.stringify({
    manifest_version: 3,
    name: "test",
    version: "1.0",
    ...manifest,
  }),
  [`${folder}/index.html`]: html("plain.js").replace(' data-answer="/answer"', ""),
});

export const PAGES: Case[] = [
  {
    name: "import-map",
    title: "import map, wasmgrad",
    tool: "wasmgrad",
    files: { ...modules("src/", "plain", "probe", "report"), "page.html": html("/src/plain.js"), "map.js": WRITE_MAP },
    build: ["node map.js"],
    runs: [
      { what: "page", page: "/", browsers: ALL, expect: { threads: 1 } },
      { what: "isolated page", page: "/", browsers: ALL, headers: ISOLATION, expect: { threads: 2 } },
    ],
    needs: "[an import map](platforms.md#without-a-bundler)",
    isQuick: true,
  },
  {
    name: "single-file",
    title: "single file, wasmgrad",
    tool: "wasmgrad",
    files: {
      ...modules("src/", "plain", "probe", "report"),
      "data.js": namespace("data", "DataLoader", "TensorDataset"),
      "train.js": namespace("train", "Trainer"),
      "index.html": html("/src/plain.js").replace("<body>", `${singleFileMap}<body>`),
    },
    runs: [{ what: "isolated page", page: "/", headers: ISOLATION, expect: { threads: 2 } }],
    needs: "[its address](platforms.md#without-a-bundler)",
    isQuick: true,
  },
  {
    name: "pages",
    title: "esbuild",
    tool: "esbuild",
    dependencies: { esbuild: "0.28.2" },
    files: {
      ...modules(
        "",
        "page",
        "ask",
        "places",
        "frame",
        "probe",
        "task",
        "report",
        "worker",
        "shared_worker",
        "service_worker",
      ),
      "dist/index.html": html("places.js"),
      "dist/frame.html": html("frame.js"),
      "dist/page.html": html("page.js"),
    },
    build: [
      "esbuild page.js places.js frame.js worker.js task.js shared_worker.js service_worker.js " +
        "--bundle --format=esm --outdir=dist",
    ],
    folder: "dist",
    runs: [
      { what: "page", page: "/page.html", browsers: ["firefox", "webkit"], expect: { threads: 1 } },
      {
        what: "isolated page",
        page: "/page.html",
        browsers: ["firefox", "webkit"],
        headers: ISOLATED,
        expect: { threads: 2 },
      },
      { what: "module worker", page: "/page.html?worker", browsers: ALL, expect: { threads: 1 } },
      {
        what: "module worker of an isolated page",
        page: "/page.html?worker",
        browsers: ["firefox", "webkit"],
        headers: ISOLATED,
        expect: { threads: 2 },
      },
      {
        what: "`wasmgrad/worker`, isolated page",
        page: "/page.html?task",
        browsers: ["firefox", "webkit"],
        headers: ISOLATED,
        expect: { threads: 2 },
      },
      ...places.map((run) => ({ browsers: ALL, ...run })),
    ],
    isQuick: true,
  },
  {
    name: "policies",
    title: "esbuild",
    tool: "esbuild",
    dependencies: { esbuild: "0.28.2" },
    files: { ...modules("", "plain", "probe", "report"), "dist/page.html": html("plain.js") },
    build: ["esbuild plain.js --bundle --format=esm --outdir=dist"],
    folder: "dist",
    runs: [
      underPolicy("script-src 'self' 'wasm-unsafe-eval'; worker-src blob:", { threads: 2 }),
      underPolicy("script-src 'self' 'wasm-unsafe-eval'", { threads: 1 }, "`worker-src blob:` for threads"),
      underPolicy("script-src 'self'", { error: REFUSED }, "`'wasm-unsafe-eval'`"),
    ],
    isQuick: true,
  },
  {
    name: "extension",
    title: "Manifest V3 extension, esbuild",
    tool: "esbuild",
    dependencies: { esbuild: "0.28.2" },
    files: {
      ...modules("", "plain", "probe", "report"),
      ...extensionFiles("strict", {}),
      ...extensionFiles("allowed", {
        content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'" },
        cross_origin_embedder_policy: { value: "require-corp" },
        cross_origin_opener_policy: { value: "same-origin" },
      }),
    },
    build: ["strict", "allowed"].map((folder) => `esbuild plain.js --bundle --format=esm --outdir=${folder}`),
    runs: [
      {
        what: "page, default policy, Chromium",
        extension: "strict",
        expect: { error: REFUSED },
        needs: "`'wasm-unsafe-eval'` in the manifest",
      },
      {
        what: "page, Chromium",
        extension: "allowed",
        expect: { threads: 2 },
        needs: "`'wasm-unsafe-eval'` and the two headers' keys in the manifest",
      },
    ],
  },
];
