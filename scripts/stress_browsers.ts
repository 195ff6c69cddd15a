/**
 * Runs stress_training.mjs on a cross-origin isolated page in Chromium and Firefox, and compares the bits of
 * the results with Node's.
 * usage: tsx scripts/stress_browsers.ts [runs] [threads] [browser]
 */
import { execFileSync } from "node:child_process";
import { CONTROL, MAX_SLOTS, SLOT, WORDS_PER_CACHE_LINE } from "../src/runtime/parallel/control.ts";
import { askPage, type BrowserName, hasBrowser, ISOLATION, withPackage } from "../test/product/browser/browsers.ts";
import { failures, type Result, summary } from "./stress_training.mjs";

const runs = Number(process.argv[2] ?? 15);
const threads = Number(process.argv[3] ?? 4);
const browsers = process.argv[4] ? [process.argv[4] as BrowserName] : (["chromium", "firefox"] as const);
/** Ends a run that hangs with an error: a run takes less than a second. */
const LIMIT_MS = 60_000 + runs * 10_000;

/**
 * Browsers start workers only when control returns to the event loop. The page counts the runs in which
 * workers started, by the words that they write in the memory.
 */
const page = `<!doctype html>
<script type="module">
  const { Memory } = WebAssembly;
  let memory;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      super(descriptor);
      memory = this;
    }
  };
  let threaded = 0;
  const countThreaded = () => {
    const words = new Int32Array(memory.buffer);
    let started = 0;
    for (let slot = 0; slot < ${MAX_SLOTS}; slot++) {
      started += Atomics.exchange(words, ${CONTROL.slots} + slot * ${WORDS_PER_CACHE_LINE} + ${SLOT.started}, 0);
    }
    if (started > 0) threaded++;
  };
  const post = (answer) => fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
  try {
    const { stress } = await import("/scripts/stress_training.mjs");
    post({ ...(await stress(${runs}, ${threads}, 4, countThreaded)), threaded, isolated: crossOriginIsolated });
  } catch (error) {
    post({ runs: 0, wrong: 0, threaded, errors: [[String(error), 1]] });
  }
</script>`;

const program =
  'import("./scripts/stress_training.mjs").then(async ({ stress }) => console.log((await stress(0, 2)).expected))';
const expected = Number(execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }));
for (const browser of browsers) {
  if (!hasBrowser(browser)) {
    console.log(`${browser}: is not installed`);
    continue;
  }
  const start = performance.now();
  const result = (await askPage(browser, ISOLATION, withPackage(page), LIMIT_MS)) as Result & {
    threaded: number;
    isolated: boolean;
  };
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const isNodes = result.expected === expected;
  console.log(
    `${browser}: ${summary(result)}; workers in ${result.threaded}, ${isNodes ? "Node's bits" : "NOT NODE'S BITS"}, ${seconds} s`,
  );
  if (!result.isolated || !isNodes || result.wrong + failures(result.errors) > 0) process.exitCode = 1;
}
