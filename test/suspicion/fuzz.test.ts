/** A short run of every kind of `npm run fuzz`. */
import { expect, test } from "vitest";
import { describeFailure, runKind } from "./fuzz/campaign.ts";
import { kinds } from "./fuzz/kinds.ts";

const COUNTS: Record<string, number> = { operations: 700, special: 1000, far: 300, fused: 100, png: 50, tar: 50 };

test.each(kinds.map((kind) => [kind.name, kind] as const))("%s", async (name, kind) => {
  const { counts, failures } = await runKind(kind, 1, COUNTS[name] ?? 100);
  expect(failures.map(describeFailure)).toEqual([]);
  expect(counts.size).toBeGreaterThan(0);
});
