/**
 * A short run of `npm run fuzz -- --high`: in a separate process, where few blocks were freed below 2^31.
 */
import { expect, test } from "vitest";
import { describeFailure, runKind } from "./fuzz/campaign.ts";
import { takeLowMemory } from "./fuzz/high.ts";
import { kinds } from "./fuzz/kinds.ts";

takeLowMemory();

test.each(["operations", "special", "graphs", "fused", "optimizers"])("%s above 2^31", async (name) => {
  const kind = kinds.find((one) => one.name === name) as (typeof kinds)[number];
  const { failures } = await runKind(kind, 2, 100);
  expect(failures.map(describeFailure)).toEqual([]);
});
