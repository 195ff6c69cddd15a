/** How jobs end: what the launcher returns, what the user reads, and that no process is left. */
import { describe, expect, test } from "vitest";
import { ENDINGS, measureEnding, RANKS } from "../support/distributed/endings.ts";
import { MPIS, mpiMissing } from "../support/distributed/job.ts";

describe.each(MPIS)("%s: rank 1", (mpi) => {
  const missing = mpiMissing(mpi);
  if (missing) console.log(`skipped: ${missing}`);

  test.skipIf(missing !== null).each(ENDINGS)("$name", async (ending) => {
    const end = await measureEnding(mpi, ending);
    const shown = `${end.output}\n${end.errors}`;
    expect(end.hung, shown).toBe(false);
    expect(end.left, shown).toEqual([]);
    expect(end.code, shown).not.toBe(0);
    if (ending.code?.[mpi] !== undefined) expect(end.code, shown).toBe(ending.code[mpi]);
    const says = ending.says instanceof RegExp ? ending.says : ending.says?.[mpi];
    if (says) expect(end.errors).toMatch(says);
    if (!ending.saves) return;
    expect(end.stopped, shown).toHaveLength(RANKS);
    expect(new Set([...end.stopped, end.saved]).size, shown).toBe(1);
  });
});
