/** Frameworks that render on a server: their servers, and their pages. */
import type { Case, Run } from "../case.ts";
import { modules } from "../program.ts";

/** A page's script of Next runs in an effect, because the server renders the component too. */
const nextFiles = {
  ...modules("program/", "page", "ask", "probe", "report", "task", "worker"),
  "app/layout.jsx": `export const metadata = { title: "test" };
export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>;
}`,
  "app/page.jsx": `"use client";
import { useEffect } from "react";
export default function Page() {
  useEffect(() => void import("../program/page.js"), []);
  return <p>page</p>;
}`,
  "app/server/page.jsx": `import { probe } from "../../program/probe.js";
export const dynamic = "force-dynamic";
export default async function Page() {
  return <script type="application/json" dangerouslySetInnerHTML={{ __html: JSON.stringify(await probe()) }} />;
}`,
  "app/route/route.js": `import { probe } from "../../program/probe.js";
export const dynamic = "force-dynamic";
export const GET = async () => Response.json(await probe());`,
};

const edgeRoute = {
  "app/edge/route.js": `import { probe } from "../../program/probe.js";
export const runtime = "edge";
export const GET = async () => Response.json(await probe());`,
};

const next: Pick<Case, "tool" | "dependencies" | "server"> = {
  tool: "next",
  dependencies: { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" },
  server: "next start --hostname 127.0.0.1 --port $PORT",
};

const nextRuns: Run[] = [
  { what: "client component", page: "/", expect: { threads: 1 } },
  { what: "module worker", page: "/?worker", expect: { threads: 1 } },
  { what: "`wasmgrad/worker`", page: "/?task", expect: { threads: 1 } },
  { what: "server component", request: "/server", expect: { threads: 2 } },
  { what: "route", request: "/route", expect: { threads: 2 } },
];

export const FRAMEWORKS: Case[] = [
  {
    ...next,
    name: "next",
    title: "Next",
    files: { ...nextFiles, ...edgeRoute },
    build: ["next build"],
    runs: [...nextRuns, { what: "edge route", request: "/edge", expect: { threads: 1 } }],
  },
  {
    // without an edge route: this version's webpack build fails with any
    ...next,
    name: "next-webpack",
    title: "Next, webpack build,",
    files: nextFiles,
    build: ["next build --webpack"],
    runs: nextRuns,
  },
  {
    name: "sveltekit",
    title: "SvelteKit",
    tool: "@sveltejs/kit",
    node: "24",
    dependencies: {
      "@sveltejs/kit": "3.2.0",
      "@sveltejs/adapter-node": "6.0.1",
      "@sveltejs/vite-plugin-svelte": "7.3.1",
      svelte: "5.57.3",
      vite: "8.3.8",
    },
    files: {
      ...modules("src/lib/", "page", "ask", "probe", "report", "task", "worker"),
      "vite.config.js": `import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
export default { plugins: [sveltekit({ adapter: adapter() })] };`,
      "src/app.html": `<!doctype html><html lang="en"><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>`,
      "src/routes/+page.svelte": `<script>
  import { onMount } from "svelte";
  onMount(() => void import("../lib/page.js"));
</script>
<p>page</p>`,
      "src/routes/answer/+server.js": `import { probe } from "../../lib/probe.js";
export const GET = async () => Response.json(await probe());`,
    },
    build: ["vite build"],
    server: "HOST=127.0.0.1 node build",
    runs: [
      { what: "page", page: "/", expect: { threads: 1 } },
      { what: "module worker", page: "/?worker", expect: { threads: 1 } },
      { what: "`wasmgrad/worker`", page: "/?task", expect: { threads: 1 } },
      { what: "server", request: "/answer", expect: { threads: 2 } },
    ],
  },
  {
    name: "astro",
    title: "Astro",
    tool: "astro",
    node: "24",
    dependencies: { astro: "7.3.5" },
    files: {
      ...modules("src/program/", "page", "ask", "probe", "report", "task", "worker"),
      "src/pages/index.astro": `<html lang="en"><head><title>test</title></head><body>
<script>import "../program/page.js";</script>
</body></html>`,
      "src/pages/answer.json.js": `import { probe } from "../program/probe.js";
export const GET = async () => Response.json(await probe());`,
    },
    build: ["astro build"],
    server: "astro preview --host 127.0.0.1 --port $PORT",
    runs: [
      { what: "page", page: "/", expect: { threads: 1 } },
      { what: "module worker", page: "/?worker", expect: { threads: 1 } },
      { what: "`wasmgrad/worker`", page: "/?task", expect: { threads: 1 } },
      { what: "at build time", request: "/answer.json", expect: { threads: 2 } },
    ],
  },
];
