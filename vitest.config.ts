import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^wasmgrad$/, replacement: source("index.ts") },
      { find: /^wasmgrad\/([\w-]+)$/, replacement: source("$1/index.ts") },
    ],
  },
  // no test times anything: the limit is for hangs, with room for slow and shared machines
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/product/browser/**", "test/site/**", "test/distributed/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
