/** setVectorWidth(): kernels compiled for 256 bits, where V8 can do that; and the flags that it takes. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { getVectorWidth, OptionError, setVectorWidth } from "wasmgrad";
import { wideEngine } from "../../../src/runtime/wide/engine.ts";
import { flagLock, MAIN_THREAD } from "../../../src/runtime/wide/flag_lock.ts";
import { isFlagOn, withWideFlags } from "../../../src/runtime/wide/flags.ts";
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
  const NAMES = ["wasm-deopt", "experimental-wasm-revectorize", "liftoff", "wasm-lazy-compilation"];

  /** Stands for node:v8: the tag is the list of flags that are on. */
  function fakeV8(...on: string[]) {
    const flags = new Set(on);
    return {
      flags,
      setFlagsFromString(text: string) {
        const off = text.startsWith("--no-");
        const name = text.slice(off ? 5 : 2);
        if (off) flags.delete(name);
        else flags.add(name);
      },
      cachedDataVersionTag: () => NAMES.reduce((sum, name, bit) => sum + (flags.has(name) ? 2 ** bit : 0), 0),
    };
  }

  test.each([
    ["V8's defaults", ["wasm-deopt", "liftoff", "wasm-lazy-compilation"]],
    ["all off", []],
    ["all on", NAMES],
    ["some on", [NAMES[1], NAMES[2]]],
  ])("are on while a module compiles, and back at %s", (_name, before) => {
    const v8 = fakeV8(...before);
    const during = withWideFlags(v8, flagLock(v8), MAIN_THREAD, () => [...v8.flags]);
    expect(during).toEqual(["experimental-wasm-revectorize"]);
    expect([...v8.flags].sort()).toEqual([...before].sort());
  });

  test("are set back after an error", () => {
    const v8 = fakeV8("liftoff", "wasm-deopt");
    const fail = () => {
      throw new Error("refused");
    };
    expect(() => withWideFlags(v8, flagLock(v8), MAIN_THREAD, fail)).toThrow("refused");
    expect([...v8.flags].sort()).toEqual(["liftoff", "wasm-deopt"]);
  });

  test("are recognised without being changed", () => {
    const v8 = fakeV8("liftoff");
    expect(isFlagOn(v8, "liftoff")).toBe(true);
    expect(isFlagOn(v8, "wasm-deopt")).toBe(false);
    expect([...v8.flags]).toEqual(["liftoff"]);
  });
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
