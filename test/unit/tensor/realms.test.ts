/**
 * Typed arrays, buffers and objects of another realm, as they come from an iframe,
 * `node:vm`, Electron or Jest.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { afterAll, describe, expect, test } from "vitest";
import { DTypeError, manualSeed, nn, OptionError, tensor } from "wasmgrad";
import { loadCheckpoint, readSafetensors, saveCheckpoint, writeSafetensors } from "wasmgrad/io";
import { assertAllClose } from "wasmgrad/testing";
import { ImageDataset } from "wasmgrad/vision";

const context = createContext({});
/** What a program text gives in another realm. */
// biome-ignore lint/suspicious/noExplicitAny: of classes that TypeScript takes for its own
const there = (text: string): any => runInContext(text, context);

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-realms-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the other realm has other classes", () => {
  expect(there("new Float32Array(1)") instanceof Float32Array).toBe(false);
  expect(there("new ArrayBuffer(1)") instanceof ArrayBuffer).toBe(false);
});

describe("tensor()", () => {
  test.each([
    ["Float32Array", "[0.5, -0.25]", "float32"],
    ["Float64Array", "[0.5, -0.25]", "float32"],
    ["Int8Array", "[-128, 127]", "int32"],
    ["Int16Array", "[-32768, 32767]", "int32"],
    ["Int32Array", "[-2147483648, 2147483647]", "int32"],
    ["Uint8Array", "[0, 255]", "int32"],
    ["Uint8ClampedArray", "[0, 255]", "int32"],
    ["Uint16Array", "[0, 65535]", "int32"],
    ["Uint32Array", "[0, 2147483647]", "int32"],
  ])("%s of another realm, of shared memory and of a part", (kind, values, dtype) => {
    const numbers = JSON.parse(values) as number[];
    const make = `(() => {
      const shared = new ${kind}(new SharedArrayBuffer(4 * ${kind}.BYTES_PER_ELEMENT), ${kind}.BYTES_PER_ELEMENT, 2);
      shared.set(${values});
      return [new ${kind}(${values}), shared, new ${kind}([9, ...${values}, 9]).subarray(1, 3)];
    })()`;
    // biome-ignore lint/security/noGlobalEval: the same program in this realm and in the other
    for (const source of [...there(make), ...globalThis.eval(make)]) {
      const x = tensor(source);
      expect([x.dtype, x.shape]).toEqual([dtype, [2]]);
      expect(x.toArray()).toEqual(numbers);
      const floats = numbers.map(Math.fround); // nested arrays make float32
      expect(tensor([source, source]).toArray()).toEqual([floats, floats]);
      expect(tensor(source, { shape: [2, 1], dtype: "float32" }).toArray()).toEqual(
        numbers.map((n) => [Math.fround(n)]),
      );
    }
  });

  test("integers that do not fit are refused", () => {
    expect(() => tensor(there("new Uint32Array([1, 2 ** 31])"))).toThrow("got 2147483648");
    expect(() => tensor(there("new Float64Array([0.5])"), { dtype: "int32" })).toThrow(OptionError);
  });

  test("arrays and numbers of another realm", () => {
    expect(tensor(there("[[1, 2], [3, 4]]")).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tensor(there("[true, false]")).dtype).toBe("bool");
  });

  test.each([
    ["BigInt64Array", "new BigInt64Array(1)", /BigInt64Array; use Int32Array.from\(values, Number\)/],
    ["BigUint64Array", "new BigUint64Array(1)", /BigUint64Array; use Int32Array/],
    ["ArrayBuffer", "new ArrayBuffer(8)", /ArrayBuffer; use new Float32Array/],
    ["SharedArrayBuffer", "new SharedArrayBuffer(8)", /SharedArrayBuffer; use new Float32Array/],
    ["DataView", "new DataView(new ArrayBuffer(8))", /DataView; use new Float32Array/],
    ["what only calls itself so", "({ [Symbol.toStringTag]: 'Float32Array', length: 1, 0: 1 })", /got Object/],
  ])("refuses %s", (_, text, message) => {
    expect(() => tensor(there(text))).toThrow(DTypeError);
    expect(() => tensor(there(text))).toThrow(message);
  });
});

describe("bytes", () => {
  const forms: [name: string, text: string][] = [
    ["a Uint8Array", "new Uint8Array(bytes)"],
    ["a part of one", "new Uint8Array([7, ...bytes, 7]).subarray(1, bytes.length + 1)"],
    ["a Uint8ClampedArray", "new Uint8ClampedArray(bytes)"],
    ["an ArrayBuffer", "new Uint8Array(bytes).buffer"],
    ["a DataView", "new DataView(new Uint8Array([7, ...bytes]).buffer, 1)"],
    [
      "a SharedArrayBuffer",
      "(() => { const b = new SharedArrayBuffer(bytes.length); new Uint8Array(b).set(bytes); return b; })()",
    ],
  ];
  const make = (text: string, bytes: ArrayLike<number>) => {
    const source = `((bytes) => ${text})`;
    // biome-ignore lint/security/noGlobalEval: the same program in this realm and in the other
    return [there(source)(Array.from(bytes)), globalThis.eval(source)(Array.from(bytes))];
  };

  test.each(forms)("readSafetensors takes %s", (_, text) => {
    const written = writeSafetensors({ x: tensor([1.5, -2]) }, { metadata: { é: "ü" } });
    for (const bytes of make(text, written)) {
      const { tensors, metadata } = readSafetensors(bytes);
      expect(tensors.x.toArray()).toEqual([1.5, -2]);
      expect(metadata).toEqual({ é: "ü" });
    }
  });

  test.each(forms)("ImageDataset.fromBytes takes %s", (_, text) => {
    for (const bytes of make(text, [0, 51, 102, 255])) {
      const set = ImageDataset.fromBytes(bytes, { shape: [2, 1, 1, 2], labels: there("new Int32Array([1, 0])") });
      expect(set.batch([0, 1])[0].mul(255).toArray()).toEqual([[[[0, 51]]], [[[102, 255]]]]);
      expect([...set.targets]).toEqual([1, 0]);
    }
  });

  test.each(["new Float32Array(4)", "new Int8Array(4)", "[1, 2, 3, 4]", "'1234'", "null", "new Map()"])(
    "refuse %s",
    (text) => {
      expect(() => readSafetensors(there(text))).toThrow(OptionError);
      expect(() => ImageDataset.fromBytes(there(text), { shape: [1, 1, 2, 2] })).toThrow(OptionError);
      expect(() => readSafetensors(there(text))).toThrow(
        /expected bytes .* got (Float32Array|Int8Array|Array|string|null|Map)/,
      );
    },
  );

  test("labels that are no numbers are refused", () => {
    const labels = there("new BigInt64Array([0n])");
    expect(() => ImageDataset.fromBytes(new Uint8Array(4), { shape: [1, 1, 2, 2], labels })).toThrow(
      /expected integers/,
    );
  });
});

test("a checkpoint keeps objects and typed arrays of another realm", () => {
  manualSeed(1);
  const path = join(folder, "checkpoint.safetensors");
  const extra = there(
    "({ list: [1, { deep: new Float64Array([0.1, NaN]) }], bytes: new Uint8Array([1, 2]), none: Object.create(null) })",
  );
  saveCheckpoint(path, { model: new nn.Linear(1, 1), extra });
  const loaded = loadCheckpoint(path).extra;
  expect(loaded).toEqual({
    list: [1, { deep: new Float64Array([0.1, Number.NaN]) }],
    bytes: new Uint8Array([1, 2]),
    none: {},
  });
  expect(loaded.bytes).toBeInstanceOf(Uint8Array);
  expect(() => saveCheckpoint(path, { extra: there("new (class Net {})()") })).toThrow(OptionError);
  expect(() => saveCheckpoint(path, { extra: there("new Date()") })).toThrow(OptionError);
});

test("toBeAllClose takes typed arrays of another realm", () => {
  assertAllClose(tensor([1, 2]), there("new Float64Array([1, 2])"));
  expect(() => assertAllClose(tensor([1, 2]), there("new Float64Array([1, 3])"))).toThrow(/1 of 2/);
});
