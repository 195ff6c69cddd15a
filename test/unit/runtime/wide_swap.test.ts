/**
 * The wide build is compiled in the background and takes over in the middle of a program, where V8 can do
 * that. Elsewhere nothing may change.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../../src/index.ts"; // with which come all parts of the kernels
import { kernelBytes } from "../../../src/runtime/binary.ts";
import { withFrame } from "../../../src/runtime/frame.ts";
import { type BackgroundCompile, compileInBackground } from "../../../src/runtime/wide/background.ts";
import { checkInputs, differingKernel } from "../../../src/runtime/wide/check.ts";
import { CASES, FIRST_REGION } from "../../../src/runtime/wide/check_cases.ts";
import { wideEngine } from "../../../src/runtime/wide/engine.ts";
import { FLAG_WORDS, flagLock, MAIN_THREAD } from "../../../src/runtime/wide/flag_lock.ts";
import { isFlagOn, repairFlags } from "../../../src/runtime/wide/flags.ts";
import { LOOK_EVERY, Swap } from "../../../src/runtime/wide/swap.ts";
import { wideBytes } from "../../../src/runtime/wide/width.ts";
import { fakeV8 } from "../../support/fake_v8.ts";
import { root } from "../../support/source.ts";

const v8 = wideEngine();
const kernels = new WebAssembly.Module(kernelBytes("reproducible"));

/** The kernels with vector instruction number `from` changed to `to`, everywhere. */
function changedKernels(from: number, to: number): Uint8Array<ArrayBuffer> {
  const bytes = kernelBytes("reproducible");
  const [low, high] = [(from & 127) | 128, from >> 7];
  for (let i = 0; i + 2 < bytes.length; i++) {
    if (bytes[i] === 0xfd && bytes[i + 1] === low && bytes[i + 2] === high) bytes[i + 1] = (to & 127) | 128;
  }
  return bytes;
}

/** f32x4.add, sub, mul and div. */
const [ADD, SUB, MUL, DIV] = [0xe4, 0xe5, 0xe6, 0xe7];

describe("the comparison of two builds", () => {
  test("finds no difference where there is none", () => {
    expect(differingKernel(kernels, kernels)).toBeUndefined();
  });

  test.each([
    ["add", ADD, SUB],
    ["sub", SUB, ADD],
    ["mul", MUL, DIV],
    ["div", DIV, MUL],
  ])("finds a build with a wrong f32x4.%s", (_name, from, to) => {
    expect(differingKernel(kernels, new WebAssembly.Module(changedKernels(from, to)))).toBeTypeOf("string");
  });

  test("each of its kernels writes results", () => {
    const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true });
    const { exports } = new WebAssembly.Instance(kernels, { env: { memory, abort: () => {} } });
    const values = checkInputs();
    const heap = new Float32Array(memory.buffer, FIRST_REGION, values.length);
    const before = new Int32Array(values.buffer);
    const after = new Int32Array(memory.buffer, FIRST_REGION, values.length);
    const idle = CASES.filter(({ kernel, args }) => {
      heap.set(values);
      (exports[kernel] as (...args: readonly number[]) => void)(...args);
      return after.every((word, i) => word === before[i]);
    });
    expect(idle.map(({ kernel }) => kernel)).toEqual([]);
  });
});

describe("the order of things", () => {
  const compile = (running: { now: boolean }, result: WebAssembly.Module | string): BackgroundCompile => ({
    isRunning: () => running.now,
    wait: () => {},
    result: () => result,
  });

  test("a module that is ready takes over at the first launch of the next operation", () => {
    const running = { now: true };
    const swap = new Swap(() => compile(running, kernels));
    expect(swap.begin("reproducible")).toBe(true);
    withFrame(() => expect(swap.look("reproducible")).toBe(LOOK_EVERY));
    running.now = false;
    withFrame(() => {
      expect(swap.look("reproducible")).toBe(1);
      expect(swap.look("reproducible")).toBe(1);
    });
    withFrame(() => expect(swap.look("reproducible")).toBe(kernels));
  });

  test("after a failure, or where no worker starts, nothing more is asked", () => {
    const failed = new Swap(() => compile({ now: false }, "other bits"));
    failed.begin("reproducible");
    expect(failed.look("reproducible")).toBe(0);
    expect(failed.await("reproducible", 0)).toBeUndefined();
    expect(new Swap(() => undefined).begin("reproducible")).toBe(false);
    const refuses = () => {
      throw new Error("ERR_ACCESS_DENIED");
    };
    expect(new Swap(refuses).begin("reproducible")).toBe(false);
  });

  test("a program that has done little starts nothing", () => {
    let started = 0;
    const swap = new Swap(() => {
      started++;
      return undefined;
    });
    for (let launch = 0; launch < 3; launch++) swap.look("reproducible");
    expect(started).toBe(0);
  });
});

describe("flags that a dead thread left on", () => {
  test("are set back once, for that thread only, and the lock is free", () => {
    const fake = fakeV8("allow-natives-syntax");
    const words = flagLock(fake);
    expect(flagLock(fake)).toBe(words);
    words[FLAG_WORDS.owner] = 7;
    words[FLAG_WORDS.changed] = 1;
    words[FLAG_WORDS.before] = 0b10;
    repairFlags(fake, words, MAIN_THREAD);
    expect(isFlagOn(fake, "experimental-wasm-revectorize")).toBe(false);
    repairFlags(fake, words, 7);
    expect([...fake.flags].sort()).toEqual(["experimental-wasm-revectorize"]);
    expect([...words]).toEqual([0, 0, 0b10]);
  });
});

test.runIf(v8)("a build with other bits is refused in the background, and the flags are as before", () => {
  if (!v8) return;
  const tag = v8.cachedDataVersionTag();
  const compile = compileInBackground(v8, wideBytes(changedKernels(ADD, SUB)), kernels);
  compile.wait(60_000);
  expect(compile.isRunning()).toBe(false);
  expect(compile.result()).toMatch(/^\w+ gives other bits$/);
  const refused = compileInBackground(v8, Uint8Array.of(0, 97, 115, 109), kernels);
  refused.wait(60_000);
  expect(refused.result()).toMatch(/CompileError/);
  expect(v8.cachedDataVersionTag()).toBe(tag);
});

describe("in a program of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
  const library = join(folder, "library.mjs");
  const entry = `
    export * from "./src/index.ts";
    export { identity, kernelBytes } from "./src/runtime/binary.ts";
    export { IDENTITY_SECTION } from "./src/runtime/identity.ts";
    export { beginSwap } from "./src/runtime/kernels.ts";
    export { withSection } from "./scripts/wasm_file.ts";`;

  beforeAll(() =>
    build({
      stdin: { contents: entry, resolveDir: root },
      bundle: true,
      format: "esm",
      target: "node20",
      logLevel: "error",
      outfile: library,
    }),
  );
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Trains a network and prints what `at` gives for each step, then a hash of the weights' bits. */
  const TRAINING = readFileSync(join(root, "test/support/programs/swap_training.mjs"), "utf8");

  function run(program: string, width = "", ...args: string[]) {
    const { stdout, stderr, status, signal } = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", program, pathToFileURL(library).href, ...args],
      { encoding: "utf8", env: { ...process.env, WASMGRAD_VECTOR_WIDTH: width }, timeout: 60_000 },
    );
    return { status: signal ?? status, printed: (stdout + stderr).trim() };
  }

  test.each(["1", "3"])("a swap in the middle of a training changes no bits, %s threads", (threads) => {
    const narrow = run(TRAINING, "128", threads);
    const swapped = run(TRAINING, "", threads);
    expect(narrow).toEqual({ status: 0, printed: expect.stringMatching(/^128 -?\d+$/) });
    expect(swapped).toEqual({ status: 0, printed: narrow.printed.replace("128", v8 ? "256" : "128") });
  });

  /** Evaluates a program body with the library `w`, and the flags' tag `before`. */
  const answer = (body: string, width = "") =>
    run(
      `import { cachedDataVersionTag, setFlagsFromString } from "node:v8";
       const w = await import(process.argv[1]);
       const before = cachedDataVersionTag();
       const nap = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
       const work = () => w.ones([100]).add(1).sum().item();
       /** Until the worker has changed the flags, and until they are back. */
       const changed = () => { while (cachedDataVersionTag() === before) nap(); };
       const back = () => { while (cachedDataVersionTag() !== before) nap(); };
       ${body}`,
      width,
    );

  test("where V8 cannot do it, or a width is set, nothing begins", () => {
    const body = "work(); const begun = w.beginSwap(); console.log(begun, begun || before === cachedDataVersionTag())";
    expect(answer(body)).toEqual({ status: 0, printed: `${v8 !== undefined} true` });
    for (const width of ["128", "256"]) expect(answer("console.log(w.beginSwap())", width).printed).toBe("false");
    const given = `
      const bytes = w.withSection(w.kernelBytes("reproducible"), w.IDENTITY_SECTION, w.identity());
      w.useKernels(new WebAssembly.Module(bytes));
      console.log(w.beginSwap(), w.setVectorWidth(256));`;
    expect(answer(given).printed).toBe("false 128");
  });

  test.runIf(v8)("setVectorWidth(128) during the compilation keeps 128", () => {
    const body = `
      w.beginSwap(); changed();
      console.log(w.setVectorWidth(128)); back();
      for (let i = 0; i < 100; i++) { work(); nap(); }
      console.log(w.getVectorWidth(), w.setVectorWidth(256), work());`;
    expect(answer(body)).toEqual({ status: 0, printed: "128\n128 256 200" });
  });

  test.runIf(v8)("setVectorWidth(256) during the compilation waits for it", () => {
    const body = "w.beginSwap(); console.log(w.setVectorWidth(256), work(), before === cachedDataVersionTag());";
    expect(answer(body)).toEqual({ status: 0, printed: "256 200 true" });
  });

  test.runIf(v8)("another precision is compiled in its turn, and both stay", () => {
    const body = `
      const until = (width) => { while (w.getVectorWidth() !== width) { work(); nap(); } };
      w.beginSwap(); until(256);
      console.log(w.setPrecision("fast"), w.getVectorWidth(), w.beginSwap()); until(256);
      console.log(w.setPrecision("reproducible"), w.getVectorWidth(), w.setPrecision("fast"), w.getVectorWidth());`;
    expect(answer(body)).toEqual({ status: 0, printed: "fast 128 true\nreproducible 256 fast 256" });
  });

  test.runIf(v8).each(["process.exit(3)", "process.exitCode = 3", "throw 3"])(
    "a program may end during the compilation: %s",
    (end) => {
      const { status } = answer(`w.beginSwap(); changed(); ${end}`);
      expect(status).toBe(end === "throw 3" ? 1 : 3);
    },
  );
});
