/** A short run of `npm run crash`. */
import { expect, test, vi } from "vitest";
import { disks, interrupts, kills, twins } from "./crash/runs.ts";
import { stalls, traps, workers } from "./crash/workers.ts";

const quiet = () => {};

// each starts several processes: room for a machine that does much else
vi.setConfig({ testTimeout: 300_000 });

test("killed twice, and resumed to the same bytes", async () => {
  const { counts, failures } = await kills(2, 1, quiet);
  expect(failures).toEqual([]);
  expect(counts.kills).toBe(2);
});

test("stopped by one SIGINT and by two", async () => {
  expect((await interrupts()).failures).toEqual([]);
});

test("two processes in one folder", async () => {
  expect((await twins(1)).failures).toEqual([]);
});

test("a full disk and a read-only folder, where they can be mounted", async () => {
  expect((await disks(quiet)).failures).toEqual([]);
});

test("workers that are ended at random", async () => {
  expect((await workers(2, 1)).failures).toEqual([]);
});

test("workers that stall in the middle of a job", async () => {
  const { counts, failures } = await stalls(4, 0, 1);
  expect(failures).toEqual([]);
  expect(counts["workers that stall"]).toBeGreaterThan(0);
});

test("workers that trap at every job are replaced a few times, then not", async () => {
  const { counts, failures } = await traps(2, 1);
  expect(failures).toEqual([]);
  expect(counts["workers that trap"]).toBeGreaterThan(0);
});
