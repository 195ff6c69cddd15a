/** A short run of `npm run crash`. */
import { expect, test, vi } from "vitest";
import { disks, interrupts, kills, twins } from "./crash/runs.ts";
import { stalls, traps, workers } from "./crash/workers.ts";

const quiet = () => {};

// each test starts several processes, so it needs more time on a busy machine
vi.setConfig({ testTimeout: 300_000 });

test("a run that is killed twice resumes to the same bytes", async () => {
  const { counts, failures } = await kills(2, 1, quiet);
  expect(failures).toEqual([]);
  expect(counts.kills).toBe(2);
});

test("a run stopped by one or two SIGINTs can be resumed", async () => {
  expect((await interrupts()).failures).toEqual([]);
});

test("two processes in one folder do no damage", async () => {
  expect((await twins(1)).failures).toEqual([]);
});

test("a full disk and a read-only folder are errors, and the older file stays", async () => {
  expect((await disks(quiet)).failures).toEqual([]);
});

test("workers that are ended at random do not change the bits", async () => {
  expect((await workers(2, 1)).failures).toEqual([]);
});

test("workers that stall in the middle of a job only cost time, or give an error", async () => {
  const { counts, failures } = await stalls(4, 0, 1);
  expect(failures).toEqual([]);
  expect(counts["workers that stall"]).toBeGreaterThan(0);
});

test("workers that trap at every job are replaced a few times only", async () => {
  const { counts, failures } = await traps(2, 1);
  expect(failures).toEqual([]);
  expect(counts["workers that trap"]).toBeGreaterThan(0);
});
