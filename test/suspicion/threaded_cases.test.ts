/**
 * All cases again on 2, 3 and 4 threads. Each launch is cut, if possible, into chunks so small that every
 * thread gets some.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ones, scope, setNumThreads } from "wasmgrad";
import { linearMemory } from "../../src/runtime/linear_memory.ts";
import { CONTROL } from "../../src/runtime/parallel/control.ts";
import { allCases } from "../cases/index.ts";
import { checkCase } from "../support/check_case.ts";
import { checkFixture } from "../support/check_fixture.ts";
import { fixtureFolders, readFixtures } from "../support/fixture.ts";

const cut = vi.hoisted(() => ({ launches: 0 }));

vi.mock("../../src/runtime/kernels.ts", async (importOriginal) => {
  const { replaceLaunch } = await import("../support/replace_launch.ts");
  return replaceLaunch(await importOriginal(), (launch) => (name, total, grain, ...args) => {
    // kernels with a grain argument have scratch memory for each of their chunks; some other kernels need
    // whole vectors
    const whole = grain % 16 === 0 ? 16 : 1;
    const small = Math.ceil(total / (8 * whole)) * whole;
    const chosen = (args as readonly number[]).includes(grain) ? grain : Math.min(grain, Math.max(1, small));
    if (total > chosen) cut.launches++;
    launch(name, total, chosen, ...args);
  });
});

/** Workers start while the event loop runs; once idle, they sleep where the next job wakes them. */
async function workersAreUp(count: number): Promise<void> {
  const control = new Int32Array(linearMemory.buffer);
  const until = Date.now() + 30_000;
  while (Date.now() < until) {
    scope(() => void ones([100_000]).add(1));
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (Atomics.notify(control, CONTROL.generation) === count) return;
  }
  throw new Error(`${count} workers did not start`);
}

/** cases.test.ts compares more elements; this test looks for threads that disturb each other. */
const GRADIENT_SAMPLES = 4;

describe.each([2, 3, 4])("%i threads", (threads) => {
  beforeAll(async () => {
    setNumThreads(threads);
    await workersAreUp(threads - 1);
    cut.launches = 0;
  }, 60_000);
  afterAll(() => {
    setNumThreads(1);
    expect(cut.launches).toBeGreaterThan(1000);
  });

  for (const [op, cases] of Object.entries(allCases)) {
    for (const testCase of cases)
      test(`${op}: ${testCase.name}`, () => scope(() => checkCase(testCase, GRADIENT_SAMPLES)));
  }
  for (const folder of fixtureFolders()) {
    for (const [name, fixture] of readFixtures(folder))
      test(`${folder}: ${name}`, () => scope(() => checkFixture(fixture)));
  }
});
