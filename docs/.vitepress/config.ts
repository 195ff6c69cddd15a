import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { slug } from "github-slugger";
import { type DefaultTheme, defineConfig } from "vitepress";
import { repositoryMarkdown } from "./markdown.ts";
import { files, isPage, root, sitePath } from "./pages.ts";

const { exports, description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  description: string;
  exports: Record<string, string | Record<string, string>>;
};

/**
 * What a bundler for browsers finds for `wasmgrad` and its entries: the built files. The ladders reach into the
 * library, so that they and all that they import take its sources.
 */
const entries = Object.entries(exports).flatMap(([entry, target]) => {
  const file = typeof target === "string" ? target : (target.browser ?? target.default);
  const find = new RegExp(`^wasmgrad${entry.slice(1).replaceAll(/[/.]/g, "\\$&")}$`);
  const sources = join(root, `src/${entry === "." ? "" : `${entry.slice(2)}/`}index.ts`);
  const customResolver = (built: string, importer?: string) =>
    importer?.startsWith(join(root, "bench/ladder/")) ? sources : built;
  return [{ find, replacement: join(root, file), customResolver }];
});

/** The entries that TypeDoc has described. Their names are not listed one by one: every page would contain the list. */
function referenceEntries(): DefaultTheme.SidebarItem[] {
  const sidebar = join(root, "build/reference/typedoc-sidebar.json");
  if (!existsSync(sidebar)) return [];
  const modules = JSON.parse(readFileSync(sidebar, "utf8")) as { text: string; link: string }[];
  return modules.map(({ text, link }) => ({
    text: text === "index" ? "wasmgrad" : `wasmgrad/${text}`,
    link: link.replace("/build/", "/"),
  }));
}

/** Pages above this folder do not find its packages; what renders them to files does. */
const vueForAllPages = {
  name: "vue-for-all-pages",
  enforce: "pre" as const,
  resolveId: (id: string, _importer: string | undefined, { ssr }: { ssr?: boolean }) =>
    ssr && /^vue(\/server-renderer)?$/.test(id) ? { id, external: true } : undefined,
};

const page = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });

const guide: DefaultTheme.SidebarItem[] = [
  { text: "Start", items: [page("Overview", "/overview"), page("All guides", "/docs/")] },
  {
    text: "Guides",
    items: [
      page("Tensors", "/docs/tensors"),
      page("Autograd", "/docs/autograd"),
      page("Neural networks", "/docs/nn"),
      page("Training", "/docs/training"),
      page("Your own images", "/docs/images"),
      page("Self-supervised learning", "/docs/self_supervised"),
      page("The inpainting program", "/docs/inpainting"),
      page("Memory", "/docs/memory"),
      page("Threads and precision", "/docs/threads_and_precision"),
      page("See inside", "/docs/see_inside"),
      page("Platforms", "/docs/platforms"),
      page("In a page", "/docs/browser"),
      page("Train in a worker", "/docs/worker"),
      page("To PyTorch and back", "/docs/pytorch"),
      page("Several machines", "/docs/distributed"),
      page("Deploying", "/docs/deploying"),
      page("Where it was tried", "/docs/ecosystem"),
      page("Kernels of your own", "/docs/extend"),
    ],
  },
  {
    text: "ONNX",
    items: [
      page("Models as modules", "/docs/onnx"),
      page("Models from PyTorch", "/docs/onnx_pytorch"),
      page("Operators", "/docs/onnx_operators"),
      page("Export", "/docs/onnx_export"),
    ],
  },
  {
    text: "Lessons and examples",
    items: [
      page("Playground", "/docs/playground"),
      page("Lessons", "/examples/"),
      page("Programs from PyTorch", "/examples/pytorch/"),
      page("Pretext tasks", "/examples/self-supervised/"),
      page("Jobs on several machines", "/examples/distributed/"),
    ],
  },
  {
    text: "Work on the library",
    items: [
      page("Architecture", "/docs/architecture"),
      page("How to add an op", "/docs/adding_an_op"),
      page("Contributing", "/CONTRIBUTING"),
      page("Changes", "/CHANGELOG"),
    ],
  },
];

const chapters: DefaultTheme.SidebarItem[] = [
  {
    text: "How a convolution becomes fast",
    items: [
      page("Start here", "/assembly/"),
      page("Primer", "/assembly/primer"),
      page("Matrix products", "/assembly/matmul/"),
      page("Convolutions", "/assembly/conv/"),
      page("Transposed convolutions", "/assembly/conv/transposed"),
      page("Pooling", "/assembly/pool/"),
      page("Softmax", "/assembly/loss/"),
      page("Sums", "/assembly/reduce/"),
    ],
  },
  {
    text: "Methods",
    items: [
      page("Winograd by hand", "/assembly/conv/winograd"),
      page("Why a gradient is a convolution", "/assembly/conv/backward"),
      page("Reading machine code", "/assembly/matmul/machine_code"),
      page("Vectors of 256 bits", "/assembly/matmul/wide"),
      page("Recurrent layers", "/assembly/recurrent/"),
    ],
  },
];

const demos: DefaultTheme.SidebarItem[] = [
  {
    text: "Demos",
    items: [
      page("Inpainting, live", "/docs/demos/inpainting"),
      page("Teach it", "/docs/demos/teach"),
      page("Run the ladders", "/docs/demos/ladder"),
      page("Your own benchmark", "/docs/demos/benchmark"),
      page("All drawings", "/docs/demos/widgets"),
      page("Playground", "/docs/playground"),
    ],
  },
];

const lookUp: DefaultTheme.SidebarItem[] = [
  {
    text: "Reference",
    items: [
      page("API", "/reference/"),
      page("Names of PyTorch", "/docs/compatibility"),
      page("Errors", "/docs/errors"),
      page("Benchmarks", "/docs/benchmarks"),
      page("All measurements", "/bench/"),
    ],
  },
  { text: "API by entry", items: referenceEntries() },
];

/** The path below which the site is served. */
const base = process.env.SITE_BASE ?? "/";

/** Leaves out the API reference and the pages of source files: a build takes a fifth of the time. */
const isSmall = process.env.SITE_SMALL === "1";

export default defineConfig({
  title: "wasmgrad",
  description,
  base,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${base}icon.svg` }]],
  srcDir: "..",
  outDir: join(root, "build/site"),
  cacheDir: join(root, "build/site-cache"),
  srcExclude: [
    isSmall ? "build/**" : "build/!(reference)/**",
    ...(isSmall ? ["docs/source/**"] : []),
    "dist/**",
    "runs/**",
    "data/**",
    ...[...files].filter((file) => file.endsWith(".md") && !isPage(file)),
  ],
  rewrites: (id) => sitePath(id).replace(/^(docs(?=\/source\/)|build(?=\/reference\/))\//, ""),
  ignoreDeadLinks: isSmall ? [/^\/(reference|source)\//] : false,
  cleanUrls: false,
  lastUpdated: false,
  markdown: {
    anchor: { slugify: (text) => slug(text) },
    config: repositoryMarkdown,
    languageAlias: { mts: "ts", mjs: "js", sbatch: "sh" },
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    // for those who scroll with the keyboard; markdown.ts does it for code without a language
    codeTransformers: [{ pre: (node) => void (node.properties.tabindex = "0") }],
  },
  vite: {
    publicDir: join(root, "docs/public"),
    resolve: {
      alias: [...entries, { find: /^\.\/VPHome\.vue$/, replacement: join(root, "docs/.vitepress/theme/home.ts") }],
    },
    worker: { format: "es" },
    plugins: [vueForAllPages],
    build: {
      target: "es2022",
      chunkSizeWarningLimit: 2000,
      // the programs of the playground read these by their addresses
      assetsInlineLimit: (file) => (file.includes("/examples/data/") ? false : undefined),
    },
    esbuild: { target: "es2022", tsconfigRaw: { compilerOptions: { target: "es2022", verbatimModuleSyntax: true } } },
    server: {
      fs: { allow: [root] },
      headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
    },
  },
  themeConfig: {
    search: { provider: "local" },
    nav: [
      page("Guide", "/docs/"),
      { text: "Demos", items: demos[0].items },
      page("Playground", "/docs/playground"),
      page("Chapters", "/assembly/"),
      page("Reference", "/reference/"),
    ] as DefaultTheme.NavItem[],
    sidebar: {
      "/reference/": lookUp,
      "/docs/compatibility": lookUp,
      "/docs/benchmarks": lookUp,
      "/docs/errors": lookUp,
      "/bench/": lookUp,
      "/docs/demos/": demos,
      "/assembly/": chapters,
      "/": guide,
    },
    outline: [2, 3],
  },
});
