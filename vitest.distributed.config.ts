import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** `npm run test:distributed`: starts jobs by MPI's launchers and by Slurm, so it is no part of `npm test`. */
export default defineConfig({
  ...base,
  test: {
    include: ["test/distributed/*.test.ts"],
    exclude: [],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
