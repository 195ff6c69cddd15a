/** Training in a page and in a worker, in two browsers: Node's bits, and other tasks run meanwhile. */
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { digestOf } from "../../support/programs/digest.ts";
import { makeTrainer, weightsOf } from "../../support/programs/worker_tasks.ts";
import { askPage, hasBrowser, ISOLATION } from "./browsers.ts";

interface Trained {
  digest: string;
  messages: number;
  frames: number;
  /** Tensors that training left behind, and whether other code's tensors were not released. */
  left: number;
  areKept: boolean;
}

interface Answer {
  error?: string;
  isIsolated: boolean;
  threads: number;
  here: Trained;
  asynchronous: Trained;
  worker: Record<string, unknown>;
  missing: string;
}

const scripts = new Map<string, string>();
let expected: string;

beforeAll(async () => {
  const entryPoints = {
    page: new URL("worker_page.ts", import.meta.url).pathname,
    worker: new URL("../../support/programs/worker_tasks.ts", import.meta.url).pathname,
  };
  const { outputFiles } = await build({
    ...{ entryPoints, bundle: true, write: false, outdir: "/", format: "esm", platform: "browser", logLevel: "error" },
    tsconfigRaw: {}, // not this repository's: "wasmgrad" must be found by the package's exports
  });
  for (const { path, text } of outputFiles) scripts.set(path, text);
  const trainer = makeTrainer({ steps: 30, batchSize: 16 });
  await trainer.fit();
  expected = await digestOf(weightsOf(trainer));
});

const page = '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/page.js"></script>';

describe.each(["chromium", "firefox"] as const)("%s", (browser) => {
  test.skipIf(!hasBrowser(browser)).each(["isolated", "plain"])("a page that is %s", async (kind) => {
    const isIsolated = kind === "isolated";
    const answer = (await askPage(browser, isIsolated ? ISOLATION : {}, (path) => {
      if (path === "/") return { type: "text/html", body: page };
      const text = scripts.get(path);
      return text === undefined ? undefined : { type: "text/javascript", body: text };
    })) as Answer;
    expect(answer.error).toBe(undefined);
    expect(answer.isIsolated).toBe(isIsolated);
    expect(answer.threads).toBe(isIsolated ? 2 : 1);
    for (const { digest, messages, frames, left, areKept } of [answer.here, answer.asynchronous]) {
      expect(digest).toBe(expected);
      // other tasks run between steps, and within steps
      expect(messages).toBeGreaterThan(30);
      expect(frames).toBeGreaterThan(3);
      expect(areKept).toBe(true);
      expect(left).toBeLessThan(60); // gradients and the optimizer's state, not 30 steps
    }
    expect(answer.worker).toEqual({
      ...{ digest: expected, resumed: expected, place: { epoch: 1, step: 30 }, steps: 30, arePictured: true },
      ...{ isMean: true, stoppedEarly: true, reason: "AbortError" },
      ...{ isShapeError: true, message: "add: shapes [2] and [3] differ" },
    });
    expect(answer.missing).toMatch(/^WasmgradError: the worker failed: /);
  });
});
