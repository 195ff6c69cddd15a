/**
 * Engines that refuse WebAssembly, its memory or workers. The import succeeds, and errors give the reason and
 * the remedy.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withSection } from "../../../scripts/wasm_file.ts";
import { hashOf, IDENTITY_SECTION } from "../../../src/runtime/identity.ts";
import { inpaintingWeights } from "../../support/programs/inpainting_weights.ts";
import { root } from "../../support/source.ts";

interface Answer {
  /** "ErrorName: text", or what came. */
  said: string[];
  stderr: string;
}

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
const library = join(folder, "library.mjs");

/** A single file without a loader, which would itself need WebAssembly. */
beforeAll(async () => {
  await build({
    stdin: {
      contents:
        'export * from "wasmgrad"; export { inpaintingWeights } from "./test/support/programs/inpainting_weights.ts";',
      resolveDir: root,
    },
    outfile: library,
    bundle: true,
    format: "esm",
    target: "node20",
    logLevel: "error",
    alias: { wasmgrad: join(root, "src/index.ts") },
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

function answerOf(run: { stdout: string; stderr: string }): Answer {
  const last = run.stdout.trim().split("\n").at(-1) ?? "";
  if (!last.startsWith("[")) throw new Error(`no answer: ${run.stdout}${run.stderr}`);
  return { said: JSON.parse(last), stderr: run.stderr.trim() };
}

/** Runs expressions in a separate process, after `before` and the library's import; each is
 * called, errors are caught.
 */
function ask(before: string, expressions: string[], options: { node?: string[]; limit?: number } = {}): Answer {
  const program = `
    ${before}
    const w = await import(${JSON.stringify(pathToFileURL(library))});
    const said = [];
    for (const body of ${JSON.stringify(expressions)}) {
      try {
        said.push(String(await new Function("w", "return (async () => " + body + ")()")(w)));
      } catch (error) {
        said.push((error instanceof w.WasmgradError ? "" : "untyped ") + String(error));
      }
    }
    console.log(JSON.stringify(said));
    process.exit();
  `;
  const args = [...(options.node ?? []), "--input-type=module", "-e", program];
  const [command, ...rest] = options.limit
    ? ["sh", "-c", `ulimit -v ${options.limit}; exec "$0" "$@"`, process.execPath, ...args]
    : [process.execPath, ...args];
  return answerOf(spawnSync(command, rest, { encoding: "utf8", timeout: 60_000 }));
}

const OPERATIONS = ["w.rand([40, 40]).matmul(w.ones([40, 40])).item", "w.ones([2]).add(1)", "w.ones([2]).add(1)"];
const THREADS = "w.getNumThreads()";

const refuse = (type: string, text: string) => `
  WebAssembly.Module = class {
    constructor() {
      throw new ${type}(${JSON.stringify(text)});
    }
  };
`;

const CSP = "script-src 'wasm-unsafe-eval'";
const SIMD = "WebAssembly SIMD (Node 16.4, Chrome and Edge 91, Firefox 89, Safari 16.4";

describe("the engine refuses the kernels", () => {
  test.each([
    [
      "V8, a page's policy",
      refuse("WebAssembly.CompileError", "WebAssembly.Module(): Wasm code generation disallowed by embedder"),
      CSP,
    ],
    [
      "Firefox, a page's policy",
      refuse("WebAssembly.CompileError", "call to WebAssembly.Module() blocked by CSP"),
      CSP,
    ],
    ["Safari, a page's policy", refuse("EvalError", "Refused to create a WebAssembly object"), CSP],
    ["an embedder, no word of why", "WebAssembly.Module = function () { throw undefined; };", "useKernels()"],
    [
      "old Chrome's limit",
      refuse("RangeError", "WebAssembly.Compile is disallowed on the main thread"),
      "useKernels()",
    ],
    ["an instance", "WebAssembly.Instance = class { constructor() { throw new EvalError('no'); } };", CSP],
    [
      "no room for code",
      refuse("RangeError", "WebAssembly.Module(): Out of memory: Cannot allocate Wasm memory"),
      "OutOfMemoryError",
    ],
    ["no SIMD, it says so", refuse("WebAssembly.CompileError", "Wasm SIMD unsupported"), SIMD],
    [
      "no SIMD",
      `const { validate } = WebAssembly;
       WebAssembly.validate = (bytes) => bytes.length < 30 && validate(bytes);
       ${refuse("WebAssembly.CompileError", "invalid opcode 0xfd")}`,
      SIMD,
    ],
    ["no Module", "delete WebAssembly.Module;", "KernelsError"],
    ["no validate", `delete WebAssembly.validate; ${refuse("WebAssembly.CompileError", "blocked")}`, CSP],
  ])("%s", (name, before, advice) => {
    const { said, stderr } = ask(before, [
      THREADS,
      ...OPERATIONS,
      "w.setPrecision('fast')",
      "w.memory().liveTensors",
      THREADS,
    ]);
    for (const text of said.slice(1, 4)) {
      expect(text).toMatch(/^(KernelsError: kernels: expected |OutOfMemoryError: out of memory: )/);
      expect(text).toContain(advice);
    }
    expect(said[5]).toBe("0");
    if (name !== "an instance") expect([said[0], said[6]]).toEqual(["1", "1"]);
    expect(said[4]).toMatch(name === "no room for code" ? /^(reproducible|OutOfMemoryError)/ : /^reproducible$/);
    expect(stderr).toBe("");
  });
});

describe("no WebAssembly", () => {
  test.each([
    ["the global is missing", "delete globalThis.WebAssembly;", "got one without"],
    ["the global is undefined", "globalThis.WebAssembly = undefined;", "got one without"],
    ["the global is empty", "globalThis.WebAssembly = {};", "the engine refuses it (TypeError: "],
    [
      "its memory is refused",
      "WebAssembly.Memory = class { constructor() { throw new EvalError('blocked'); } };",
      "blocked",
    ],
  ])("%s", (_name, before, cause) => {
    const { said, stderr } = ask(before, [
      THREADS,
      ...OPERATIONS,
      "w.tensor([])",
      "w.tensor([1, 2])",
      "w.useKernels({})",
      "w.setPrecision('fast')",
      "w.setNumThreads(3)",
      "w.setMemoryLimit(2 ** 30)",
      "w.memory().reservedBytes",
      "w.tensor(3)",
      THREADS,
    ]);
    for (const text of [...said.slice(1, 6), said[11]]) {
      expect(text).toMatch(/^KernelsError: memory: expected /);
      expect(text).toContain(cause);
    }
    expect(said[6]).toMatch(/^(KernelsError|OptionError): /);
    expect([said[0], ...said.slice(7, 11), said[12]]).toEqual([
      "1",
      "reproducible",
      "undefined",
      "undefined",
      "0",
      "1",
    ]);
    expect(stderr).toBe("");
  });
});

test("Node with --jitless", () => {
  const { said } = ask("", [THREADS, ...OPERATIONS], { node: ["--jitless"] });
  expect(said[0]).toBe("1");
  for (const text of said.slice(1)) expect(text).toMatch(/^KernelsError: memory: expected an engine with WebAssembly/);
});

describe("memory", () => {
  /** Imitates an engine that gives at most this many pages, shared or not. */
  const atMost = (shared: number, plain: number) => `
    const { Memory } = WebAssembly;
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor) {
        if (descriptor.maximum > (descriptor.shared ? ${shared} : ${plain})) throw new RangeError("could not allocate memory");
        super(descriptor);
      }
    };
  `;
  const MIB = 16; // pages

  test.each([
    [2048, 2048, 2048, true],
    [1024, 4096, 1024, true],
    [600, 600, 512, true],
    [256, 512, 512, false],
    [0, 4096, 4096, false],
    [0, 100, 64, false],
    [16, 16, 16, true],
  ])("%i MiB of shared memory, %i of another: %i, shared %s", (shared, plain, expected, isShared) => {
    const limit = expected * 2 ** 20;
    const { said } = ask(atMost(shared * MIB, plain * MIB), [
      "w.ones([2]).add(1).toArray()",
      `w.scope(() => w.zeros([${limit / 4}]))`,
      "w.setMemoryLimit(2 ** 32)",
      `w.scope(() => w.zeros([${limit / 4}]))`,
      "w.setNumThreads(2)",
      THREADS,
      "w.ones([2]).add(1).toArray()",
    ]);
    expect(said[0]).toBe("2,2");
    for (const text of [said[1], said[3]]) {
      expect(text).toMatch(/^OutOfMemoryError: out of memory: /);
      expect(text).toContain(`limit ${limit} bytes`);
    }
    expect(said[5]).toBe(isShared ? "2" : "1");
    expect(said[6]).toBe("2,2");
  });

  test("none of any size", () => {
    const { said } = ask(atMost(0, 0), [THREADS, ...OPERATIONS]);
    expect(said[0]).toBe("1");
    for (const text of said.slice(1)) {
      expect(text).toMatch(
        /^OutOfMemoryError: out of memory: expected a WebAssembly.Memory, the system gives none of any size/,
      );
      expect(text).toContain("--disable-wasm-trap-handler");
    }
  });

  test("growth that is refused below the limit is named", () => {
    const before = `
      WebAssembly.Memory.prototype.grow = function () {
        throw new RangeError("Maximum memory size exceeded");
      };
    `;
    const { said } = ask(before, [
      "w.ones([2]).add(1).toArray()",
      "w.zeros([1e6])",
      "w.setMemoryLimit(2 ** 18)",
      "w.zeros([1e6])",
    ]);
    expect(said[0]).toBe("2,2");
    expect(said[1]).toMatch(
      /^OutOfMemoryError: .*limit 4294967296 bytes, of which the system gives no more than 262144 now \(RangeError: Maximum memory size exceeded\)/,
    );
    expect(said[3]).toMatch(/^OutOfMemoryError: .*limit 262144 bytes\. /);
  });

  const limited = test.skipIf(process.platform !== "linux"); // ulimit -v has no effect elsewhere

  limited.each([1_500_000, 3_000_000, 8_000_000])("ulimit -v %i: it computes, or says what is short", (limit) => {
    const { said } = ask("", [THREADS, ...OPERATIONS], { limit });
    for (const text of said.slice(1)) expect(text).not.toMatch(/^untyped/);
    if (said[3] === "tensor([2., 2.])") return; // newer engines do with less
    for (const text of said.slice(1))
      expect(text).toMatch(/^OutOfMemoryError: out of memory: .*--disable-wasm-trap-handler/);
    expect(said[0]).toBe("1");
  });

  // V8 gives a memory of 4 GiB there that cannot grow, and ends the process where a worker does not fit
  limited.each([1_500_000, 2_000_000, 3_000_000])(
    "ulimit -v %i, less address space asked for: it computes",
    (limit) => {
      const work = "w.scope(() => w.rand([300, 300]).matmul(w.ones([300, 300])).shape)";
      const { said, stderr } = ask(
        "",
        [
          "w.setNumThreads(4)",
          work,
          "new Promise((resolve) => setTimeout(resolve, 300))",
          work,
          "w.getNumThreads()",
          "(() => { const kept = []; for (let i = 0; i < 40; i++) kept.push(w.zeros([2 ** 22])); })()",
          "w.zeros([2 ** 29])",
        ],
        { limit, node: ["--disable-wasm-trap-handler"] },
      );
      expect([said[1], said[3], said[4]]).toEqual(["300,300", "300,300", "1"]);
      expect(said[5]).toMatch(/^(undefined|OutOfMemoryError: .* of which the system gives no more than \d+ now)/);
      expect(said[6]).toMatch(/^OutOfMemoryError: out of memory: 2147483648 bytes asked for/);
      expect(stderr).toMatch(/^wasmgrad: one thread, since [^\n]*$/);
    },
  );
});

describe("threads", () => {
  const WORK = "w.rand([300, 300]).matmul(w.rand([300, 300])).mean().item()";
  const PAUSE = "new Promise((resolve) => setTimeout(resolve, 300))";
  /** Imitates a browser's page, as far as workers are concerned. */
  const page = (worker: string) => `
    delete process.getBuiltinModule;
    globalThis.crossOriginIsolated = true;
    globalThis.workers = 0;
    globalThis.Worker = class {
      constructor() {
        workers++;
        ${worker}
      }
      postMessage() {}
      terminate() {}
    };
  `;
  const ADVICE =
    /^wasmgrad: one thread, since the browser started no worker.*Content-Security-Policy, allow worker-src blob:$/;

  test.each([
    ["an error event", "setTimeout(() => this.onerror?.({}), 20);"],
    ["an error event with a text", "setTimeout(() => this.onerror?.({ message: 'refused' }), 20);"],
    ["a SecurityError", "throw new DOMException('refused', 'SecurityError');"],
    [
      "a memory that cannot be sent",
      "this.postMessage = () => { throw new DOMException('refused', 'DataCloneError'); };",
    ],
  ])("a page's policy refuses workers, by %s: one line, one thread", (_name, worker) => {
    const { said, stderr } = ask(page(worker), [
      "w.setNumThreads(4)",
      `(w.manualSeed(1), ${WORK})`,
      PAUSE,
      THREADS,
      `(w.manualSeed(1), ${WORK})`,
      PAUSE,
      "w.setPrecision('fast') + w.setPrecision('reproducible')",
      `(w.manualSeed(1), ${WORK})`,
      PAUSE,
      THREADS,
      "workers",
    ]);
    expect(stderr).toMatch(ADVICE);
    expect([said[3], said[9]]).toEqual(["1", "1"]);
    expect(Number(said[1])).toBeGreaterThan(0);
    expect([said[4], said[7]]).toEqual([said[1], said[1]]);
    expect(Number(said[10])).toBeLessThanOrEqual(3);
  });

  test("one of three workers is refused: the others stay", () => {
    const { said, stderr } = ask(page("if (workers === 2) setTimeout(() => this.onerror({}), 20);"), [
      "w.setNumThreads(4)",
      `${WORK} > 0`,
      PAUSE,
      THREADS,
      `${WORK} > 0`,
    ]);
    expect(said).toEqual(["undefined", "true", "undefined", "3", "true"]);
    expect(stderr).toBe("");
  });

  test.each([
    ["throws", "() => { throw new Error('A Node.js API is used (process.getBuiltinModule) which is not supported'); }"],
    ["gives nothing", "() => undefined"],
    ["gives null", "() => null"],
    ["is no function", "1"],
  ])("getBuiltinModule %s: the library continues on one thread", (_name, value) => {
    const before = `process.getBuiltinModule = ${value};`;
    const { said, stderr } = ask(before, [
      THREADS,
      `${WORK} > 0`,
      "w.setNumThreads(3)",
      THREADS,
      `${WORK} > 0`,
      THREADS,
    ]);
    expect(said).toEqual(["1", "true", "undefined", "1", "true", "1"]);
    expect(stderr).toMatch(/^(wasmgrad: one thread, since there are no worker threads here[^\n]*\n?)+$/);
  });

  test.each([
    ["a page", "globalThis.self = globalThis.top = globalThis;", false],
    ["a frame", "globalThis.self = globalThis; globalThis.top = {};", true],
    ["a worker", "globalThis.self = globalThis;", false],
  ])("%s that is not isolated: the message says what it needs", (_name, globals, isFrame) => {
    const { stderr } = ask(`globalThis.crossOriginIsolated = false; ${globals}`, [`${WORK} > 0`, THREADS]);
    expect(stderr).toMatch(/this page is not cross-origin isolated\. .*require-corp/);
    expect(stderr.includes('; this frame needs <iframe allow="cross-origin-isolated"> as well')).toBe(isFrame);
  });

  test("process itself throws", () => {
    const before = "Object.defineProperty(globalThis, 'process', { get() { throw new Error('no process'); } });";
    const { said } = ask(`const { process: kept } = globalThis; ${before}`, [
      THREADS,
      `${WORK} > 0`,
      "Object.defineProperty(globalThis, 'process', { value: { exit() {} } }).length",
    ]);
    expect(said.slice(0, 2)).toEqual(["1", "true"]);
  });

  test("Node's worker threads fail: one line, one thread, until setNumThreads()", () => {
    const before = `
      const threads = process.getBuiltinModule("node:worker_threads");
      const { Worker } = threads;
      globalThis.restore = () => (threads.Worker = Worker);
      threads.Worker = class {
        constructor() {
          throw Object.assign(new Error("Access to this API has been restricted"), { code: "ERR_ACCESS_DENIED" });
        }
      };
    `;
    const { said, stderr } = ask(before, [
      "w.setNumThreads(3)",
      `${WORK} > 0`,
      THREADS,
      `${WORK} > 0`,
      "restore().length >= 0",
      "w.setNumThreads(3)",
      `${WORK} > 0`,
      THREADS,
    ]);
    expect(said).toEqual(["undefined", "true", "1", "true", "true", "undefined", "true", "3"]);
    expect(stderr).toBe(
      "wasmgrad: one thread, since no worker thread could be started (Error: Access to this API has been restricted)",
    );
  });

  test("a worker of Node fails before it starts", () => {
    const before = `
      const threads = process.getBuiltinModule("node:worker_threads");
      threads.Worker = class extends threads.Worker {
        constructor(source, options) {
          super("throw new Error('out of threads')", options);
        }
      };
    `;
    const { said, stderr } = ask(before, ["w.setNumThreads(3)", `${WORK} > 0`, PAUSE, PAUSE, THREADS, `${WORK} > 0`]);
    expect(said.slice(4)).toEqual(["1", "true"]);
    expect(stderr).toBe("wasmgrad: one thread, since no worker thread could be started (Error: out of threads)");
  });

  test.each([
    ["Node's permission model without --allow-worker", "process.permission = { has: (scope) => scope !== 'worker' };"],
    [
      "a runtime that imitates Node's process",
      "process.permission = { has() { throw new Error('not implemented'); } };",
    ],
    [
      "a runtime that has worker_threads without Worker",
      `const { getBuiltinModule } = process;
       process.getBuiltinModule = (id) => (id === "node:worker_threads" ? {} : getBuiltinModule(id));`,
    ],
  ])("%s: one thread from the start", (_name, before) => {
    const { said, stderr } = ask(before, [THREADS, `${WORK} > 0`, THREADS]);
    expect(said).toEqual(["1", "true", "1"]);
    expect(stderr).toMatch(/^wasmgrad: one thread, since there are no worker threads here[^\n]*$/);
  });
});

test("a script, whose import.meta.url is undefined", async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { ones, setMemoryDebug, zeros } from "wasmgrad";
        setMemoryDebug(true);
        console.log(ones([2]).add(1).toArray().join());
        try {
          zeros([2 ** 31]);
        } catch (error) {
          console.log(error.name, error.message.includes("Most live bytes were made"));
        }
      `,
      resolveDir: root,
    },
    bundle: true,
    write: false,
    format: "iife",
    target: "node20",
    logLevel: "error",
    logOverride: { "empty-import-meta": "silent" },
    alias: { wasmgrad: join(root, "src/index.ts") },
  });
  const path = join(folder, "script.cjs");
  writeFileSync(path, outputFiles[0].text);
  const { stdout, stderr } = spawnSync(process.execPath, [path], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toBe("2,2\nOutOfMemoryError true\n");
});

describe("useKernels", () => {
  const STEPS = 5;
  let expected: string;

  beforeAll(async () => {
    expected = (await inpaintingWeights(STEPS, 1)).digest;
  });

  const bytes = readFileSync(join(root, "build/kernels.wasm"));
  /** As scripts/inline_wasm.ts makes the package's kernels.wasm. */
  const file = (identity = `reproducible ${hashOf(bytes)}`) => {
    const path = join(folder, `${identity}.wasm`);
    writeFileSync(path, withSection(bytes, IDENTITY_SECTION, identity));
    return `
      const { readFileSync } = await import("node:fs");
      globalThis.bytes = readFileSync(${JSON.stringify(join(root, "build/kernels.wasm"))});
      globalThis.compiled = new WebAssembly.Module(readFileSync(${JSON.stringify(path)}));
    `;
  };
  const NO_COMPILER = refuse("WebAssembly.CompileError", "Wasm code generation disallowed by embedder");
  /** Of static methods, the subclass has the engine's. */
  const NO_COMPILER_BUT_STATICS = `
    const Real = WebAssembly.Module;
    ${NO_COMPILER}
    for (const name of ["imports", "exports", "customSections"]) WebAssembly.Module[name] = Real[name];
  `;
  const TRAIN = `w.inpaintingWeights(${STEPS}, 2).then((r) => r.digest + " " + r.threads)`;

  test("kernels of the package where none can be compiled: the same bits, also on threads", () => {
    const { said, stderr } = ask(`${file()} ${NO_COMPILER_BUT_STATICS}`, [
      "w.useKernels(compiled)",
      "w.useKernels(compiled)",
      TRAIN,
      "w.useKernels(compiled)",
      "w.setPrecision('fast')",
    ]);
    expect(said).toEqual(["undefined", "undefined", `${expected} 2`, "undefined", "reproducible"]);
    expect(stderr).toBe("");
  });

  test("useKernels is refused after the first operation", () => {
    const { said } = ask(file(), [
      "w.ones([2]).add(1).toArray()",
      "w.useKernels(compiled)",
      "w.ones([2]).add(1).toArray()",
    ]);
    expect(said).toEqual([
      "2,2",
      expect.stringMatching(/^KernelsError: useKernels: expected a call before the first operation, got one after it/),
      "2,2",
    ]);
  });

  test.each([
    ["nothing", "undefined", "got Undefined"],
    ["null", "null", "got Null"],
    ["bytes", "bytes", "got Uint8Array; compile bytes with WebAssembly.compile() first"],
    ["a promise", "WebAssembly.compile(bytes)", "got Promise"],
    [
      "an instance",
      "new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)))",
      "got WebAssembly.Instance",
    ],
    [
      "an empty module",
      "new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))",
      "got another module (exports: none)",
    ],
    ["kernels without a name", "new WebAssembly.Module(bytes)", "got kernels of another build (without its name)"],
    ["a string", "'kernels.wasm'", "got String"],
  ])("%s is refused", (_name, value, came) => {
    const { said } = ask(file(), [`w.useKernels(${value})`, "w.ones([2]).add(1).toArray()"]);
    expect(said[0]).toMatch(
      /^OptionError: useKernels: expected the WebAssembly.Module of this version's wasmgrad\/kernels.wasm \(reproducible [0-9a-f]{8}\), got /,
    );
    expect(said[0]).toContain(came);
    expect(said[1]).toBe("2,2");
  });

  test.each(["reproducible 00000000", `fast ${hashOf(bytes)}`, ""])("the build %s is refused", (identity) => {
    const { said } = ask(file(identity), ["w.useKernels(compiled)", "w.ones([2]).add(1).toArray()"]);
    expect(said[0]).toMatch(/^OptionError: useKernels: .* got kernels of another build/);
    expect(said[1]).toBe("2,2");
  });

  test("where memory is not shared", () => {
    const before = `
      const { Memory } = WebAssembly;
      WebAssembly.Memory = function (descriptor) {
        if (descriptor.shared) throw new RangeError("no shared memory");
        return new Memory(descriptor);
      };
    `;
    const { said } = ask(`${file()} ${before}`, ["w.useKernels(compiled)", "w.ones([2]).add(1).toArray()"]);
    expect(said[0]).toMatch(/^KernelsError: useKernels: expected an engine that gives shared WebAssembly memory/);
    expect(said[1]).toBe("2,2");
  });

  test("the name of a build depends on every byte", () => {
    expect(hashOf(Uint8Array.of())).toBe("811c9dc5");
    expect(hashOf(Buffer.from("foobar"))).toBe("bf9cf968"); // a test vector of its authors
    expect(IDENTITY_SECTION).toBe("wasmgrad");
  });
});
