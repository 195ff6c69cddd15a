/** Node, Deno, Bun, workerd, and tools that run TypeScript. */
import { type Case, REFUSED } from "../case.ts";
import { cjs, modules, ts } from "../program.ts";

const sources = modules("", "ask", "command", "probe", "task", "task_command");
const commonJs = { "command.cjs": cjs("command"), "probe.cjs": cjs("probe") };
const typescript = Object.fromEntries(
  ["ask", "command", "probe", "task", "task_command"].map((name) => [`${name}.ts`, ts(name)]),
);

const nodeCase = (version: string, requires: boolean): Case => ({
  name: `node-${version}`,
  title: "Node",
  tool: "node",
  node: version,
  files: { ...sources, ...commonJs },
  runs: [
    { what: "`import`", command: "node command.js", expect: { threads: 2 } },
    { what: "`wasmgrad/worker`", command: "node task_command.js", expect: { threads: 2 } },
    {
      what: "`require`",
      command: "node command.cjs",
      expect: requires ? { threads: 2 } : { error: /ERR_REQUIRE_ESM/ },
      needs: requires ? "" : "`await import()` instead",
    },
  ],
  isQuick: version === "20" || version === "24",
});

export const RUNTIMES: Case[] = [
  nodeCase("20", true),
  nodeCase("22", true),
  nodeCase("24", true),
  nodeCase("26", true),
  nodeCase("20.16.0", false),
  nodeCase("22.3.0", false),
  {
    name: "deno",
    title: "Deno",
    tool: "deno",
    dependencies: { deno: "2.9.6" },
    files: typescript,
    runs: [
      { what: "", command: "deno run -A command.ts", expect: { threads: 2 } },
      { what: "`wasmgrad/worker`", command: "deno run -A task_command.ts", expect: { threads: 2 } },
    ],
    isQuick: true,
  },
  {
    name: "bun",
    title: "Bun",
    tool: "bun",
    dependencies: { bun: "1.4.5" },
    files: typescript,
    runs: [
      { what: "`bun`", command: "bun command.ts", expect: { threads: 2 } },
      { what: "`wasmgrad/worker`", command: "bun task_command.ts", expect: { threads: 2 } },
      {
        what: "`bun build --compile`",
        command: "bun build --compile --outfile program command.ts && ./program",
        expect: { threads: 2 },
      },
    ],
    isQuick: true,
  },
  {
    name: "workerd",
    title: "workerd (Miniflare)",
    tool: "miniflare",
    node: "24",
    dependencies: { miniflare: "4.20260730.0", esbuild: "0.28.2" },
    files: {
      ...modules("", "probe"),
      "given.js": `import kernels from "wasmgrad/kernels.wasm";
import { useKernels } from "wasmgrad";
import { probe } from "./probe.js";
let given = false;
export default {
  async fetch() {
    if (!given) useKernels(kernels);
    given = true;
    return Response.json(await probe());
  },
};`,
      "plain.js": `import { probe } from "./probe.js";
export default { fetch: async () => Response.json(await probe()) };`,
      "run.mjs": `import { Miniflare } from "miniflare";
const miniflare = new Miniflare({
  modulesRoot: "dist",
  scriptPath: "dist/" + process.argv[2],
  modules: true,
  modulesRules: [{ type: "ESModule", include: ["**/*.js"] }, { type: "CompiledWasm", include: ["**/*.wasm"] }],
  compatibilityDate: "2026-05-01",
});
console.log(await (await miniflare.dispatchFetch("http://localhost/")).text());
await miniflare.dispose();`,
    },
    build: ["esbuild given.js plain.js --bundle --format=esm --loader:.wasm=copy --outdir=dist"],
    runs: [
      {
        what: "with the kernels as a module",
        command: "node run.mjs given.js",
        expect: { threads: 1 },
        needs: "[`useKernels`](platforms.md#where-modules-are-compiled-ahead-of-time)",
      },
      { what: "without", command: "node run.mjs plain.js", expect: { error: REFUSED } },
    ],
  },
  {
    name: "tsx",
    title: "tsx",
    tool: "tsx",
    dependencies: { tsx: "4.23.15" },
    files: typescript,
    runs: [{ what: "", command: "tsx command.ts", expect: { threads: 2 } }],
    isQuick: true,
  },
  {
    name: "type-stripping",
    title: "Node",
    tool: "node",
    node: "24",
    files: typescript,
    runs: [{ what: "a file of TypeScript", command: "node command.ts", expect: { threads: 2 } }],
    isQuick: true,
  },
  {
    name: "ts-node",
    title: "ts-node",
    tool: "ts-node",
    dependencies: { "ts-node": "10.9.2", typescript: "5.9.3", "@types/node": "20.19.43" },
    files: {
      ...typescript,
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          target: "es2022",
          module: "nodenext",
          moduleResolution: "nodenext",
          allowImportingTsExtensions: true,
          noEmit: true,
          strict: true,
        },
      }),
    },
    runs: [
      {
        what: "`node --loader ts-node/esm`",
        command: "node --loader ts-node/esm command.ts",
        expect: { threads: 2 },
        needs: "`node --loader ts-node/esm`",
      },
      {
        what: "`ts-node`, ES modules",
        command: "ts-node command.ts",
        expect: { error: /Unknown file extension "\.ts"/ },
      },
    ],
  },
];
