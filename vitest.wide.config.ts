import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** Two suites share the cores, and the machine may be slow: the limit of a test is for hangs. */
const LIMIT_MS = 300_000;

/**
 * `npm run test:wide`: all tests that run the kernels, with vectors of 256 bits. Left out are tests of
 * documents, of the package's files, of the ladders' kernels, of the benchmarks, and of the command lines of
 * the examples, which start many processes and run no other kernels.
 */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    exclude: [
      ...(base.test?.exclude ?? []),
      "test/texts/**",
      "test/product/package.test.ts",
      "test/product/bench*.test.ts",
      "test/product/{experiments,inpainting}.test.ts",
      "test/suspicion/ladder.test.ts",
    ],
    setupFiles: ["test/support/wide_setup.ts"],
    testTimeout: LIMIT_MS,
    hookTimeout: LIMIT_MS,
  },
});
