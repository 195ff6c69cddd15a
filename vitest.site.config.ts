import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** `npm run test:site`: needs the built site, a Chromium and a Firefox, so it is no part of `npm test`. */
export default defineConfig({
  ...base,
  test: {
    include: ["test/site/*.test.ts"],
    exclude: [],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
