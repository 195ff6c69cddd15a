/** If shared memory is refused or does not exist, everything works on one thread, with the same bits. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { inpaintingWeights } from "../support/programs/inpainting_weights.ts";
import { root } from "../support/source.ts";

const STEPS = 5;
let expected: string;

beforeAll(async () => {
  expected = (await inpaintingWeights(STEPS, 1)).digest;
});

const REFUSED = `
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      if (descriptor.shared) throw new RangeError("no shared memory");
      super(descriptor);
    }
  };
`;

/**
 * Imitates an engine without threads: its validation refuses the flag of the import and every atomic
 * instruction.
 */
const NO_THREADS = `${REFUSED}
  delete globalThis.SharedArrayBuffer;
  delete globalThis.Atomics;
  const { Module } = WebAssembly;
  WebAssembly.Module = class extends Module {
    constructor(bytes) {
      super(bytes);
      const plain = new WebAssembly.Memory({ initial: 4, maximum: 65536 });
      new WebAssembly.Instance(this, { env: { memory: plain, abort() {} } });
    }
  };
`;

/** Node 20 before 20.16. */
const NO_BUILTIN_MODULE = "delete process.getBuiltinModule;";

const NOT_SHARED = "WebAssembly memory cannot be shared here";

test.each([
  ["a shared memory is refused", REFUSED, NOT_SHARED],
  ["there is no SharedArrayBuffer, and there are no atomics", NO_THREADS, NOT_SHARED],
  [
    "there are no workers",
    NO_BUILTIN_MODULE,
    "there are no worker threads here (with Node they take 20.16, 22.3 or later)",
  ],
])("%s: one thread gives Node's bits, and one line says so", (_name, before, reason) => {
  const program = `
    ${before}
    const { inpaintingWeights } = await import("./test/support/programs/inpainting_weights.ts");
    const { setNumThreads } = await import("wasmgrad");
    setNumThreads(4);
    console.log(JSON.stringify(await inpaintingWeights(${STEPS})));
  `;
  const run = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json") },
  });
  expect(run.stderr.trim()).toBe(`wasmgrad: one thread, since ${reason}`);
  expect(JSON.parse(run.stdout)).toEqual({ digest: expected, threads: 1 });
});
