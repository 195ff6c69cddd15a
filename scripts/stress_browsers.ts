/**
 * Runs stress_training.mjs on a cross-origin isolated page in Chromium and Firefox: in the page, and in
 * workers of the page, whose threads are then workers of a worker. Compares the bits of the results with
 * Node's.
 * usage: tsx scripts/stress_browsers.ts [runs] [threads] [browser]
 */
import { execFileSync } from "node:child_process";
import { CONTROL, MAX_SLOTS, SLOT, WORDS_PER_CACHE_LINE } from "../src/runtime/parallel/control.ts";
import {
  askPage,
  type BrowserName,
  type FileOf,
  hasBrowser,
  ISOLATION,
  withPackage,
} from "../test/product/browser/browsers.ts";
import { failures, type Result, summary } from "./stress_training.mjs";

const runs = Number(process.argv[2] ?? 15);
const threads = Number(process.argv[3] ?? 4);
const browsers = process.argv[4] ? [process.argv[4] as BrowserName] : (["chromium", "firefox"] as const);
/** Ends a run that hangs with an error: a run takes less than a second. */
const LIMIT_MS = 60_000 + runs * 10_000;
/** A worker that has not answered by then hangs. */
const HANG_MS = 120_000;
/** In the first no thread may start: the event loop hardly runs. In the second the program pauses. */
const RUNS_OF_A_WORKER = 2;
/** The page of the workers is busy for a third of the time, as one that draws. */
const [BUSY_MS, BUSY_EVERY_MS] = [20, 60];

interface Answer extends Result {
  /** Runs in which workers started. */
  threaded: number;
  isolated: boolean;
}

/**
 * Browsers start workers only when control returns to the event loop. The program counts the runs in which
 * workers started, by the words that they write in the memory.
 */
const program = (runsHere: number) => `
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
  const answer = async () => {
    try {
      const { stress } = await import("/scripts/stress_training.mjs");
      return { ...(await stress(${runsHere}, ${threads}, 4, countThreaded)), threaded, isolated: crossOriginIsolated };
    } catch (error) {
      return { runs: 0, wrong: 0, threaded, errors: [[String(error), 1]] };
    }
  };`;

const inPage = `<!doctype html>
<script type="module">
  ${program(runs)}
  fetch("/answer", { method: "POST", body: JSON.stringify(await answer()) });
</script>`;

/** A new worker each time, as in a playground. It is ended while its own workers are there. */
const inWorkers = `<!doctype html>
<script type="module">
  const run = () =>
    new Promise((resolve) => {
      const worker = new Worker("/worker.js", { type: "module" });
      const end = (answer) => {
        clearTimeout(timer);
        worker.terminate();
        resolve(answer);
      };
      const fail = (text) => end({ runs: 0, wrong: 0, threaded: 0, errors: [[text, 1]] });
      const timer = setTimeout(() => fail("the worker hangs"), ${HANG_MS});
      worker.onmessage = ({ data }) => end(data);
      worker.onerror = ({ message }) => fail(message || "the worker cannot be started");
    });
  setInterval(() => {
    const end = performance.now() + ${BUSY_MS};
    while (performance.now() < end);
  }, ${BUSY_EVERY_MS});
  const answers = [];
  for (let i = 0; i < ${runs / RUNS_OF_A_WORKER}; i++) answers.push(await run());
  const sum = (key) => answers.reduce((total, answer) => total + answer[key], 0);
  const expected = [...new Set(answers.map((answer) => answer.expected).filter((bits) => bits !== undefined))];
  const answer = {
    ...{ runs: sum("runs"), wrong: sum("wrong"), threaded: sum("threaded"), isolated: crossOriginIsolated },
    ...{ expected: expected.length === 1 ? expected[0] : undefined, errors: answers.flatMap(({ errors }) => errors) },
  };
  fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
</script>`;

const workerFile: FileOf = (path) =>
  path === "/worker.js"
    ? { type: "text/javascript", body: `${program(RUNS_OF_A_WORKER)}\npostMessage(await answer());` }
    : withPackage(inWorkers)(path);

const inNode =
  'import("./scripts/stress_training.mjs").then(async ({ stress }) => console.log((await stress(0, 2)).expected))';
const expected = Number(execFileSync(process.execPath, ["-e", inNode], { encoding: "utf8" }));
for (const browser of browsers) {
  if (!hasBrowser(browser)) {
    console.log(`${browser}: is not installed`);
    continue;
  }
  for (const [place, fileOf] of [["page", withPackage(inPage)] as const, ["workers", workerFile] as const]) {
    const start = performance.now();
    const result = (await askPage(browser, ISOLATION, fileOf, LIMIT_MS + HANG_MS)) as Answer;
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const isNodes = result.expected === expected;
    console.log(
      `${browser}, ${place}: ${summary(result)}; threads in ${result.threaded}, ` +
        `${isNodes ? "Node's bits" : "NOT NODE'S BITS"}, ${seconds} s`,
    );
    if (!result.isolated || !isNodes || result.wrong + failures(result.errors) > 0) process.exitCode = 1;
  }
}
