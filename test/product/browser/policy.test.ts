/** Pages whose Content-Security-Policy refuses WebAssembly or workers, in Chromium and in Firefox. */
import { beforeAll, describe, expect, test } from "vitest";
import { manualSeed, rand } from "wasmgrad";
import { askPage, type BrowserName, bundlePage, hasBrowser, ISOLATION } from "./browsers.ts";

interface Answer {
  crossOriginIsolated: boolean;
  results: string[];
  threads: number[];
  lines: string[];
}

let script: string;
let expected: string;

beforeAll(async () => {
  script = await bundlePage("policy_page.ts");
  manualSeed(1);
  expected = String(
    rand([300, 300])
      .matmul(rand([300, 300]))
      .mean()
      .item(),
  );
});

const page = '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/page.js"></script>';

async function answerUnder(browser: BrowserName, policy: string): Promise<Answer> {
  const answer = await askPage(browser, { ...ISOLATION, "Content-Security-Policy": policy }, (path) => {
    if (path === "/") return { type: "text/html", body: page };
    return path === "/page.js" ? { type: "text/javascript", body: script } : undefined;
  });
  expect((answer as Answer).crossOriginIsolated).toBe(true);
  return answer as Answer;
}

describe.each(["chromium", "firefox"] as const)("%s", (browser) => {
  const there = test.skipIf(!hasBrowser(browser));

  there.each(["script-src 'self'", "default-src 'self'; worker-src blob:"])(
    "%s: each operation says what to allow",
    async (policy) => {
      const { results, threads, lines } = await answerUnder(browser, policy);
      expect(results).toHaveLength(3);
      for (const text of results) {
        expect(text).toMatch(/^KernelsError: kernels: expected leave to compile WebAssembly, the engine refuses it/);
        expect(text).toContain("script-src 'wasm-unsafe-eval'");
      }
      expect(threads).toEqual([1, 1, 1, 1]);
      expect(lines).toEqual([]);
    },
  );

  there.each([
    "script-src 'self' 'wasm-unsafe-eval'",
    "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'; child-src 'none'",
    "default-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'none'",
  ])("%s: the library uses one thread, and one line says what to allow", async (policy) => {
    const { results, threads, lines } = await answerUnder(browser, policy);
    expect(results).toEqual([expected, expected, expected]);
    expect(threads.slice(1)).toEqual([1, 1, 1]);
    expect(lines).toEqual([
      expect.stringMatching(/^wasmgrad: one thread, since .*Content-Security-Policy, allow worker-src blob:$/),
    ]);
  });

  there.each(["script-src 'self' 'wasm-unsafe-eval'; worker-src blob:", "img-src 'self'"])(
    "%s: three threads",
    async (policy) => {
      const { results, threads, lines } = await answerUnder(browser, policy);
      expect(results).toEqual([expected, expected, expected]);
      expect(threads).toEqual([3, 3, 3, 3]);
      expect(lines).toEqual([]);
    },
  );
});

test.skipIf(!hasBrowser("chromium"))("trusted types: one thread, and one line quotes the browser", async () => {
  const { results, threads, lines } = await answerUnder("chromium", "require-trusted-types-for 'script'");
  expect(results).toEqual([expected, expected, expected]);
  expect(threads).toEqual([3, 1, 1, 1]);
  expect(lines).toEqual([expect.stringMatching(/^wasmgrad: one thread, since .*TrustedScriptURL/)]);
});
