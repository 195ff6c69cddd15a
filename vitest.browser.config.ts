import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** `npm run test:browser`: needs a Chromium, so it is no part of `npm test`. */
export default defineConfig({
  ...base,
  test: { include: ["test/product/browser/*.test.ts"], testTimeout: 300_000, hookTimeout: 300_000 },
});
