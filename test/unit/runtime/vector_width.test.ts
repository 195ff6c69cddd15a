/** setVectorWidth(): kernels compiled for 256 bits, where V8 can do that; and the flags that it takes. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { getVectorWidth, OptionError, setVectorWidth } from "wasmgrad";
import { kernelBytes } from "../../../src/runtime/binary.ts";
import { wideEngine } from "../../../src/runtime/wide/engine.ts";
import { flagLock, MAIN_THREAD } from "../../../src/runtime/wide/flag_lock.ts";
import { isFlagOn, WIDE_FLAGS, withWideFlags } from "../../../src/runtime/wide/flags.ts";
import { wideBytes } from "../../../src/runtime/wide/width.ts";
import { fakeV8 } from "../../support/fake_v8.ts";
import { root } from "../../support/source.ts";

afterAll(() => void setVectorWidth(128));

const possible = wideEngine() ? 256 : 128;

test("what is chosen comes back: 256 only on listed engines", () => {
  if (/^2[0-3]\./.test(process.versions.node)) expect(possible).toBe(128);
  expect(setVectorWidth(256)).toBe(possible);
  expect(getVectorWidth()).toBe(possible);
  expect(setVectorWidth(128)).toBe(128);
  expect(getVectorWidth()).toBe(128);
});

test.each([64, 512, "256", undefined, Number.NaN])("%s is refused", (width) => {
  expect(() => setVectorWidth(width as never)).toThrow(OptionError);
});

describe("flags", () => {
  const [SYNTAX, PASS] = WIDE_FLAGS;

  test.each([
    ["V8's defaults", []],
    ["all on", [SYNTAX, PASS]],
    ["one on", [SYNTAX]],
    ["the other on", [PASS]],
  ])("are on while a module compiles, and back at %s", (_name, before) => {
    const v8 = fakeV8(...before);
    const during = withWideFlags(v8, flagLock(v8), MAIN_THREAD, () => [...v8.flags]);
    expect(during.sort()).toEqual([SYNTAX, PASS].sort());
    expect([...v8.flags].sort()).toEqual([...before].sort());
  });

  test("are set back after an error", () => {
    const v8 = fakeV8(SYNTAX);
    const fail = () => {
      throw new Error("refused");
    };
    expect(() => withWideFlags(v8, flagLock(v8), MAIN_THREAD, fail)).toThrow("refused");
    expect([...v8.flags]).toEqual([SYNTAX]);
  });

  test("are seen although V8 gives an outdated tag now and then", () => {
    const v8 = fakeV8(PASS);
    let asked = 0;
    const read = v8.cachedDataVersionTag;
    v8.cachedDataVersionTag = () => (++asked % 4 === 1 ? 99 : read());
    expect([isFlagOn(v8, PASS), isFlagOn(v8, SYNTAX)]).toEqual([true, false]);
    expect([...v8.flags]).toEqual([PASS]);
  });

  test("are recognised without being changed", () => {
    const v8 = fakeV8(PASS);
    expect(isFlagOn(v8, PASS)).toBe(true);
    expect(isFlagOn(v8, SYNTAX)).toBe(false);
    expect([...v8.flags]).toEqual([PASS]);
  });
});

test("all functions of the wide build are exported, and the kernels keep their numbers", () => {
  const narrow = WebAssembly.Module.exports(new WebAssembly.Module(kernelBytes("reproducible")));
  const wide = WebAssembly.Module.exports(new WebAssembly.Module(wideBytes(kernelBytes("reproducible"))));
  expect(wide.slice(0, narrow.length)).toEqual(narrow);
  const added = wide.slice(narrow.length);
  expect(added.length).toBeGreaterThan(0);
  for (const { name, kind } of added) expect([name, kind]).toEqual([expect.stringMatching(/^#\d+$/), "function"]);
  // a module that imports a function and has two, of which number 2 is exported twice
  const importing = Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 2, 23, 2],
    ...[3, 101, 110, 118, 1, 109, 2, 3, 1, 2, 3, 101, 110, 118, 5, 97, 98, 111, 114, 116, 0, 0],
    ...[3, 3, 2, 0, 0, 7, 9, 2, 1, 102, 0, 2, 1, 103, 0, 2, 10, 11, 2, 4, 0, 65, 3, 11, 4, 0, 65, 4, 11],
  );
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const imports = { env: { m: memory, abort: () => 0 } };
  const all = new WebAssembly.Instance(new WebAssembly.Module(wideBytes(importing)), imports).exports;
  expect(Object.entries(all).map(([name, f]) => [name, (f as () => number)()])).toEqual([
    ["f", 4],
    ["g", 4],
    ["#1", 3],
  ]);
  // a module of two functions, of which number 1 is exported as "f"
  const bytes = Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 3, 2, 0, 0, 7, 5, 1, 1, 102, 0, 1],
    ...[10, 11, 2, 4, 0, 65, 3, 11, 4, 0, 65, 4, 11],
  );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wideBytes(bytes)));
  const results = Object.entries(exports).map(([name, f]) => [name, (f as () => number)()]);
  expect(results).toEqual([
    ["f", 4],
    ["#0", 3],
  ]);
});

describe("in a program of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
  const library = join(folder, "library.mjs");

  const options = { bundle: true, format: "esm", target: "node20", logLevel: "error" } as const;
  beforeAll(() => build({ ...options, entryPoints: [join(root, "src/index.ts")], outfile: library }));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Evaluates an expression of the library `w`, with an environment variable and options of Node. */
  function ask(expression: string, width: string, ...options: string[]): string {
    const program = `
      import { cachedDataVersionTag } from "node:v8";
      const w = await import(${JSON.stringify(pathToFileURL(library))});
      const before = cachedDataVersionTag();
      const answer = () => { try { return ${expression}; } catch (error) { return String(error); } };
      console.log(answer() + (cachedDataVersionTag() === before ? "" : ", other flags"));`;
    const { stdout, stderr } = spawnSync(process.execPath, [...options, "--input-type=module", "-e", program], {
      encoding: "utf8",
      env: { ...process.env, WASMGRAD_VECTOR_WIDTH: width },
      timeout: 60_000,
    });
    return (stdout + stderr).trim();
  }

  test("the environment variable sets the width", () => {
    expect(ask("w.getVectorWidth()", "256")).toBe(`${possible}`);
    expect(ask("w.getVectorWidth()", "128")).toBe("128");
    expect(ask("w.getVectorWidth()", "")).toBe("128");
    expect(ask("w.ones([3]).sum().item()", "256")).toBe("3");
  });

  test("another value is an error at the first use", () => {
    const text = "OptionError: WASMGRAD_VECTOR_WIDTH: expected 128 or 256, got wide";
    expect(ask("w.ones([3]).sum().item()", "wide")).toBe(text);
    expect(ask("w.getVectorWidth()", "wide")).toBe(text);
  });

  test("a user's flags are left as they were; frozen ones are not touched", () => {
    expect(ask("w.setVectorWidth(256)", "", "--no-liftoff", "--no-wasm-lazy-compilation")).toBe(`${possible}`);
    const frozen = Number(process.versions.node.split(".")[0]) >= 24 ? ["--freeze-flags-after-init"] : [];
    expect(ask("w.setVectorWidth(256)", "", ...frozen)).toBe("128");
  });
});
