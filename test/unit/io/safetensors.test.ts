import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DataError, memory, OptionError, ReleasedError, scope, type Tensor, tensor } from "wasmgrad";
import { loadSafetensors, readSafetensors, saveCheckpoint, saveSafetensors, writeSafetensors } from "wasmgrad/io";

/**
 * Written by the reference implementation (Python, safetensors 0.8.0) from the tensors of `goldenTensors`, in
 * a different order: `safetensors.numpy.save(tensors, {"note\n": "grüße \u0001\u007f\u2028/<"})`.
 */
const golden = Buffer.from(
  "0AEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJub3RlXG4iOiJncsO8w59lIFx1MDAwMX/igKgvPCJ9LCIxMCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzAsMTJdfSwiw6lcIlxuIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOltdLCJkYXRhX29mZnNldHMiOlsxMiwxNl19LCLvv64iOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOlsxNiwyMF19LCLwn5iAIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDAsM10sImRhdGFfb2Zmc2V0cyI6WzIwLDIwXX0sIjkiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzEsM10sImRhdGFfb2Zmc2V0cyI6WzIwLDMyXX0sImEuYmlhcyI6eyJkdHlwZSI6IkkzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzMyLDM2XX0sIm1hc2siOnsiZHR5cGUiOiJCT09MIiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbMzYsMzldfX0gICAgIAAAwD8AAACAAACAfwAA8MAAAMB/AQAAAP7///////9/AAAAgAEAAQ==",
  "base64",
);
const goldenMetadata = { "note\n": "grüße \u0001\u007f\u2028/<" };

function goldenTensors(): Record<string, Tensor> {
  return {
    "9": tensor(Int32Array.of(1, -2, 2 ** 31 - 1), { shape: [1, 3] }),
    "10": tensor([1.5, -0, Infinity]),
    "\u{1f600}": tensor(new Float32Array(0), { shape: [2, 0, 3] }),
    "\uffee": tensor([Number.NaN]),
    mask: tensor([true, false, true]),
    'é"\n': tensor(-7.5),
    "a.bias": tensor(Int32Array.of(-(2 ** 31))),
  };
}

/** Tensors of the other dtypes, written by the same program. */
const otherDtypes = Buffer.from(
  "AAIAAAAAAAB7InU2NCI6eyJkdHlwZSI6IlU2NCIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzAsOF19LCJpNjQiOnsiZHR5cGUiOiJJNjQiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls4LDI0XX0sImY2NCI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzI0LDQ4XX0sInUzMiI6eyJkdHlwZSI6IlUzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzQ4LDUyXX0sImYxNiI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbNl0sImRhdGFfb2Zmc2V0cyI6WzUyLDY0XX0sInUxNiI6eyJkdHlwZSI6IlUxNiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzY0LDY2XX0sImkxNiI6eyJkdHlwZSI6IkkxNiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzY2LDcwXX0sImk4Ijp7ImR0eXBlIjoiSTgiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOls3MCw3MV19LCJ1OCI6eyJkdHlwZSI6IlU4Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbNzEsNzJdfX0gICAgIAcAAAAAAAAA+/////////////9/AAAAAJqZmZmZmbk/WfP4wh9upQEAAAAAAADw/////38APADBAQD/ewB8AID///3//3+A/w==",
  "base64",
);

/** A file with the given header, and the given number of zero bytes as data. */
function file(header: string, dataBytes = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (begin: number, end: number, shape = [(end - begin) / 4], dtype = "F32") =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe("writeSafetensors", () => {
  test("gives the reference implementation's bytes", () => {
    const bytes = writeSafetensors(goldenTensors(), { metadata: goldenMetadata });
    expect(Buffer.from(bytes).toString("latin1")).toBe(golden.toString("latin1"));
  });

  test("writes a file without tensors", () => {
    const bytes = writeSafetensors({});
    expect(Buffer.from(bytes).toString("latin1")).toBe("\x08\0\0\0\0\0\0\0{}      ");
    expect(readSafetensors(bytes)).toEqual({ tensors: {}, metadata: {} });
  });

  test("refuses names and metadata that a file cannot hold", () => {
    const x = tensor([1]);
    expect(() => writeSafetensors({ __metadata__: x })).toThrow(OptionError);
    expect(() => writeSafetensors({ x, a: 5 as never })).toThrow('"a" expected a tensor, got 5');
    expect(() => writeSafetensors(null as never)).toThrow(OptionError);
    expect(() => writeSafetensors({ "\ud800": x })).toThrow(/half a surrogate pair/);
    expect(() => writeSafetensors({ x }, { metadata: { step: 3 as unknown as string } })).toThrow(
      /metadata "step" expected a string, got number/,
    );
    expect(() => writeSafetensors({ x }, { meta: {} } as object)).toThrow(/unknown option "meta"/);
    x.release();
    expect(() => writeSafetensors({ x })).toThrow(ReleasedError);
  });
});

describe("readSafetensors", () => {
  test("reads the reference implementation's file", () => {
    const { tensors, metadata } = readSafetensors(golden);
    expect(metadata).toEqual(goldenMetadata);
    const expected = goldenTensors();
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected)) {
      expect(tensors[name].shape, name).toEqual(value.shape);
      expect(tensors[name].dtype, name).toBe(value.dtype);
      expect(tensors[name].data(), name).toEqual(value.data());
    }
  });

  test("converts the other dtypes", () => {
    const { tensors } = readSafetensors(otherDtypes);
    const read = Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, [x.dtype, ...x.data()]]));
    expect(read).toEqual({
      f16: ["float32", 1, -2.5, 2 ** -24, 65504, Infinity, -0],
      f64: ["float32", Math.fround(0.1), 0, -Infinity],
      i64: ["int32", -5, 2147483647],
      u64: ["int32", 7],
      u32: ["int32", 2147483647],
      i16: ["int32", -3, 32767],
      u16: ["int32", 65535],
      i8: ["int32", -128],
      u8: ["int32", 255],
    });
    const bfloat = file(`{"x":${entry(0, 4, [2], "BF16")}}`, 4);
    bfloat.set([0x80, 0x3f, 0xc0, 0x7f], bfloat.length - 4);
    expect([...readSafetensors(bfloat).tensors.x.data()]).toEqual([1, Number.NaN]);
  });

  test.each([
    ["F64", [0, 0, 0, 0, 0, 0, 0xf0, 0x7e]],
    ["I64", [0, 0, 0, 0x80, 0, 0, 0, 0]],
    ["U64", [0, 0, 0, 0, 0, 0, 0, 0x80]],
    ["U32", [0, 0, 0, 0x80]],
    ["BOOL", [2]],
  ])("refuses a value of %s that does not fit", (dtype, data) => {
    const bytes = file(`{"x":${entry(0, data.length, [1], dtype)}}`, data.length);
    bytes.set(data, bytes.length - data.length);
    expect(() => readSafetensors(bytes)).toThrow(/tensor "x": element 0 of dtype .* does not fit/);
  });

  test("reads bytes at any offset of their buffer", () => {
    const shifted = new Uint8Array(golden.length + 3).subarray(3);
    shifted.set(golden);
    expect(writeSafetensors(readSafetensors(shifted).tensors, { metadata: goldenMetadata })).toEqual(
      new Uint8Array(golden),
    );
  });

  test("a tensor may have any name", () => {
    const names = ["__proto__", "constructor", "toString", "", "0"];
    const tensors = Object.fromEntries(names.map((name, i) => [name, tensor([i])]));
    const { tensors: read } = readSafetensors(writeSafetensors(tensors));
    expect(Object.keys(read).sort()).toEqual([...names].sort());
    for (const [i, name] of names.entries()) {
      expect(Object.getOwnPropertyDescriptor(read, name)?.value.item(), name).toBe(i);
    }
  });

  const invalid: [string, Uint8Array, RegExp][] = [
    ["an empty file", new Uint8Array(0), /header length of 8 bytes, the file has 0/],
    ["a header longer than the file", file("{}").subarray(0, 9), /truncated/],
    ["a gigantic header", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80), /too large/],
    ["no header", file(""), /must begin with "{"/],
    ["a header that begins with a space", file(" {}"), /must begin with "{"/],
    ["a header that begins with a byte order mark", file("\ufeff{}"), /must begin with "{"/],
    ["a list", file("[]"), /must begin with "{"/],
    ["bad JSON", file('{"x":'), /not valid JSON/],
    ["bytes behind the JSON", file("{}x"), /not valid JSON/],
    ["bad UTF-8", file('{"x?":1}').map((byte) => (byte === 0x3f ? 0xff : byte)), /not valid JSON in UTF-8/],
    ["a number for a tensor", file('{"x":1}'), /must be an object/],
    ["null for a tensor", file('{"x":null}'), /must be an object/],
    ["an unknown dtype", file(`{"x":${entry(0, 4, [1], "F31")}}`, 4), /dtype "F31"; known are F64, F32/],
    ["a dtype that objects inherit", file(`{"x":${entry(0, 4, [1], "toString")}}`, 4), /dtype "toString"/],
    ["no dtype", file('{"x":{"shape":[1],"data_offsets":[0,4]}}', 4), /dtype undefined/],
    ["a negative size", file(`{"x":${entry(0, 4, [-1])}}`, 4), /no valid shape/],
    ["minus zero", file('{"x":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), /no valid shape/],
    ["a fraction as size", file(`{"x":${entry(0, 6, [1.5])}}`, 6), /no valid shape/],
    ["a size beyond all bounds", file(`{"x":${entry(0, 4, [1e300, 1e300, 0])}}`, 4), /no valid shape/],
    ["one offset", file('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 4), /no valid data_offsets/],
    ["offsets in the wrong order", file(`{"x":${entry(4, 0, [1])}}`, 4), /takes 4 bytes/],
    ["offsets that do not fit the shape", file(`{"x":${entry(0, 8, [1])}}`, 8), /takes 4 bytes, its data_offsets/],
    ["a hole", file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12), /"b" begins at byte 8 .* expected 4: a hole/],
    ["a hole in front", file(`{"b":${entry(4, 8)}}`, 8), /a hole/],
    ["an overlap", file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12), /overlap/],
    ["two tensors in one place", file(`{"a":${entry(0, 4)},"b":${entry(0, 4)}}`, 4), /overlap/],
    ["data cut short", file(`{"a":${entry(0, 8)}}`, 7), /take 8 bytes, the file has 7: truncated/],
    ["trailing bytes", file(`{"a":${entry(0, 8)}}`, 9), /trailing bytes/],
    ["a tensor twice", file(`{"a":${entry(0, 4)},"\\u0061":${entry(0, 4)}}`, 4), /has "a" twice/],
    ["a field twice", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"shape":[1]}}', 4), /"shape" twice/],
    ["metadata that is no object", file('{"__metadata__":"x"}'), /must be an object of strings/],
    ["metadata with a number", file('{"__metadata__":{"x":1}}'), /must be an object of strings/],
  ];
  test.each(invalid)("refuses %s", (_what, bytes, message) => {
    const { liveTensors } = memory();
    expect(() => readSafetensors(bytes)).toThrow(DataError);
    expect(() => readSafetensors(bytes)).toThrow(message);
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test("refuses what is not bytes", () => {
    expect(() => readSafetensors("x" as unknown as Uint8Array)).toThrow(OptionError);
  });

  test("a file cut off at any byte is refused", () => {
    for (let length = 0; length < golden.length; length++) {
      expect(() => readSafetensors(golden.subarray(0, length)), `${length} bytes`).toThrow(DataError);
    }
  });

  test("a file with one byte changed is refused, or is another valid file", () => {
    const dataStart = 8 + golden.readUInt32LE(0);
    const { liveTensors } = memory();
    let accepted = 0;
    for (let at = 0; at < golden.length; at++) {
      for (const flip of [0x01, 0x02, 0x08, 0x10, 0x20, 0x80, 0xff]) {
        const bytes = Buffer.from(golden);
        bytes[at] ^= flip;
        scope(() => {
          try {
            const { tensors, metadata } = readSafetensors(bytes);
            // the data is read as it is, in the order of the header, so the tensors hold exactly these bytes
            const data = Buffer.concat(
              Object.values(tensors).map((x) =>
                x.dtype === "bool" ? Buffer.from(x.data()) : Buffer.from(x.data().buffer as ArrayBuffer),
              ),
            );
            expect([...data].sort(), `byte ${at} ^ ${flip}`).toEqual([...bytes.subarray(dataStart)].sort());
            expect(readSafetensors(writeSafetensors(tensors, { metadata })).metadata).toEqual(metadata);
            expect(at, "the header's length cannot change").toBeGreaterThanOrEqual(8);
            accepted++;
          } catch (error) {
            expect(error, `byte ${at} ^ ${flip}`).toBeInstanceOf(DataError);
          }
        });
        expect(memory().liveTensors).toBe(liveTensors);
      }
    }
    // at least the float32 and int32 data may have any value
    expect(accepted).toBeGreaterThan(36 * 7);
  });
});

describe("files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("a saved file can be loaded, and no other file is left", () => {
    const path = join(folder, "x.safetensors");
    saveSafetensors(path, { x: tensor([1]) });
    saveSafetensors(path, goldenTensors(), { metadata: goldenMetadata });
    expect(readFileSync(path).equals(golden)).toBe(true);
    expect(readdirSync(folder)).toEqual(["x.safetensors"]);
    expect(loadSafetensors(path).metadata).toEqual(goldenMetadata);
  });

  test("errors name the file", () => {
    const path = join(folder, "x.safetensors");
    expect(() => loadSafetensors(path)).toThrow(DataError);
    expect(() => loadSafetensors(path)).toThrow(/cannot read .*x\.safetensors: ENOENT/);
    expect(() => loadSafetensors(folder)).toThrow(/EISDIR/);
    writeFileSync(path, golden.subarray(0, 100));
    expect(() => loadSafetensors(path)).toThrow(/x\.safetensors: readSafetensors: .*truncated/);
  });

  test("a missing folder, a file as folder, and a folder as file are errors", () => {
    const x = tensor([1]);
    expect(() => saveSafetensors(join(folder, "missing", "x"), { x })).toThrow(/cannot write .*ENOENT/);
    writeFileSync(join(folder, "file"), "");
    expect(() => saveSafetensors(join(folder, "file", "x"), { x })).toThrow(/cannot write .*ENOTDIR/);
    mkdirSync(join(folder, "taken"));
    expect(() => saveSafetensors(join(folder, "taken"), { x })).toThrow(DataError);
    expect(readdirSync(folder).sort()).toEqual(["file", "taken"]);
  });

  // saves in a child: to the path given, a tensor of 16 MB. Prints the error.
  const CALLS = {
    saveSafetensors: "saveSafetensors(path, { x })",
    saveCheckpoint: "saveCheckpoint(path, { extra: { x } })",
  };
  const childThatSaves = (call: string) => {
    const script = join(folder, "script.mts");
    const from = (entry: string) => JSON.stringify(join(import.meta.dirname, "../../../src", entry));
    writeFileSync(
      script,
      `import { zeros } from ${from("index.ts")};
       import { saveCheckpoint, saveSafetensors } from ${from("io/index.ts")};
       const [path, x] = [process.argv[2], zeros([4_000_000])];
       try { ${call}; } catch (error) { console.log(error.name, error.message); }`,
    );
    return script;
  };

  test.skipIf(process.platform === "win32").each(Object.entries(CALLS))(
    "%s on a disk that is full: the old file stays",
    (_name, call) => {
      const path = join(folder, "x.safetensors");
      saveSafetensors(path, { x: tensor([1]) });
      const before = readFileSync(path);
      // a limit on the size of files stops the write half-way, as a full disk does
      const limited = 'trap "" XFSZ; ulimit -f 8192; exec "$0" --import tsx "$@"';
      const output = execFileSync("sh", ["-c", limited, process.execPath, childThatSaves(call), path]).toString();
      expect(output).toMatch(/^DataError cannot write .*EFBIG.*nothing was changed/);
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(readdirSync(folder).sort()).toEqual(["script.mts", "x.safetensors"]);
    },
  );

  // to root, every folder is writable
  test.skipIf(process.platform === "win32" || process.getuid?.() === 0)("a folder that is read-only", () => {
    const path = join(folder, "x.safetensors");
    saveSafetensors(path, { x: tensor([1]) });
    const before = readFileSync(path);
    chmodSync(folder, 0o555);
    try {
      expect(() => saveSafetensors(path, { x: tensor([2]) })).toThrow(/cannot write .*EACCES.*nothing was changed/);
      expect(() => saveCheckpoint(path, {})).toThrow(/cannot write .*EACCES.*nothing was changed/);
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(readdirSync(folder)).toEqual(["x.safetensors"]);
    } finally {
      chmodSync(folder, 0o755);
    }
  });
});
