/**
 * Properties of all files and states of a kind: generated examples, which shrink to the smallest that fails.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataError, manualSeed, memory, nn, optim, randn, scope, type Tensor, tensor, WasmgradError } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { loadCheckpoint, readSafetensors, saveCheckpoint, writeSafetensors } from "wasmgrad/io";
import { curves, type LogEntry, Trainer } from "wasmgrad/train";
import { Refused, readJson } from "../../suspicion/fuzz/readers/json.ts";
import { type ReadFile, readSafetensorsFile } from "../../suspicion/fuzz/readers/safetensors.ts";
import { plain } from "../../suspicion/fuzz/readers/state.ts";

/** FILE_PROPERTY_RUNS asks for more than a short run. */
const numRuns = Number(process.env.FILE_PROPERTY_RUNS ?? 200);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wasmgrad-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

interface Part {
  name: string;
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

/** Bytes of elements: any bytes, or bytes that the library's dtypes can represent. */
const elements = (dtype: keyof typeof BYTES, count: number): fc.Arbitrary<Uint8Array> => {
  const any = fc.uint8Array({ minLength: count * BYTES[dtype], maxLength: count * BYTES[dtype] });
  if (!["F64", "I64", "U64", "U32", "BOOL"].includes(dtype)) return any;
  const size = BYTES[dtype];
  return fc.oneof(
    { weight: 1, arbitrary: any },
    {
      weight: 4,
      arbitrary: any.map((bytes) =>
        bytes.map((byte, i) => (dtype === "BOOL" ? byte % 2 : i % size < size / 2 ? byte : 0)),
      ),
    },
  );
};

const part: fc.Arbitrary<Part> = fc
  .record({
    name: fc.string({ unit: "binary", maxLength: 8 }).filter((name) => name !== "__metadata__"),
    dtype: fc.constantFrom(...(Object.keys(BYTES) as (keyof typeof BYTES)[])),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
  })
  .chain(({ name, dtype, shape }) =>
    elements(
      dtype,
      shape.reduce((a, b) => a * b, 1),
    ).map((data) => ({ name, dtype, shape, data })),
  );

const parts = fc.uniqueArray(part, { maxLength: 5, selector: ({ name }) => name });

/** The bytes of a file with the given header text and data. */
function fileOf(header: string, data: readonly Uint8Array[]): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return new Uint8Array(Buffer.concat([length, text, ...data]));
}

/** Fields in any order, with any names: `JSON.stringify` of an object would sort names like "0". */
function headerText(
  list: readonly Part[],
  metadata: Record<string, string> | undefined,
  shuffle: readonly number[],
): string {
  let at = 0;
  const fields = list.map(({ name, dtype, shape, data }) => {
    const begin = at;
    at += data.length;
    return `${JSON.stringify(name)} : ${JSON.stringify({ shape, dtype, data_offsets: [begin, at] })}`;
  });
  if (metadata) fields.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const order = fields.map((field, i) => ({ field, key: shuffle[i] ?? i })).sort((a, b) => a.key - b.key);
  return `{${order.map(({ field }) => field).join(" ,\n")}}`;
}

/**
 * Reads with the library and with the small reader. They must agree on whether the file is valid, and on all
 * of its contents.
 */
function compareReaders(bytes: Uint8Array): void {
  let expected: ReadFile | null = null;
  try {
    expected = readSafetensorsFile(bytes);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  const { liveTensors } = memory();
  scope(() => {
    if (!expected) {
      expect(() => readSafetensors(bytes)).toThrow(DataError);
      expect(memory().liveTensors).toBeLessThanOrEqual(liveTensors);
      return;
    }
    const { tensors, metadata } = readSafetensors(bytes);
    expect(plain(tensors)).toStrictEqual(Object.fromEntries(expected.tensors));
    expect(metadata).toStrictEqual(Object.fromEntries(expected.metadata));
  });
}

const metadata = fc.option(
  fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), { maxKeys: 3 }),
  { nil: undefined },
);

describe("safetensors", () => {
  test("the library reads every valid file as an independent reader does", () => {
    fc.assert(
      fc.property(parts, metadata, fc.array(fc.nat(), { maxLength: 6 }), (list, text, shuffle) => {
        compareReaders(
          fileOf(
            headerText(list, text, shuffle),
            list.map(({ data }) => data),
          ),
        );
      }),
      { numRuns },
    );
  });

  // an entry whose fields hold any JSON, close to a valid entry
  const number = fc.oneof(
    fc.nat(8),
    fc.integer({ min: -2, max: 40 }),
    fc.double(),
    fc.constantFrom(-0, 2 ** 53, 2 ** 31, 1e300),
  );
  const field = fc.oneof(
    { weight: 5, arbitrary: fc.array(number, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
  const entry = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record(
        { dtype: fc.oneof(fc.constantFrom(...Object.keys(BYTES)), fc.string()), shape: field, data_offsets: field },
        { requiredKeys: [] },
      ),
    },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
  test("the library accepts or refuses every header as an independent reader does", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ maxLength: 3 }), entry, { maxKeys: 3 }),
        fc.nat(16),
        (header, dataBytes) => {
          compareReaders(fileOf(JSON.stringify(header), [new Uint8Array(dataBytes)]));
        },
      ),
      { numRuns: 5 * numRuns },
    );
  });

  test("every text in the place of the header", () => {
    const token = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"dtype"',
      '"F32"',
      '"shape"',
      '"data_offsets"',
      "0",
      "4",
      "-",
      "1e1",
      "\\\\",
      '"',
      " ",
      "null",
      '"__metadata__"',
      "\\ud800",
      "ü",
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), fc.nat(8), (tokens, dataBytes) => {
        compareReaders(fileOf(`{${tokens.join("")}`, [new Uint8Array(dataBytes)]));
      }),
      { numRuns: 5 * numRuns },
    );
  });

  test("any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), compareReaders), { numRuns });
  });

  test("what is written is read, by both", () => {
    const array = fc.oneof(
      fc.float32Array({ maxLength: 6 }),
      fc.int32Array({ maxLength: 6 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
    );
    const name = fc.string({ unit: "binary", maxLength: 6 }).filter((text) => text !== "__metadata__");
    fc.assert(
      fc.property(fc.dictionary(name, array, { maxKeys: 5 }), metadata, (arrays, text) =>
        scope(() => {
          const tensors = Object.fromEntries(Object.entries(arrays).map(([key, values]) => [key, tensor(values)]));
          const bytes = writeSafetensors(tensors, { metadata: text });
          compareReaders(bytes);
          expect(plain(readSafetensors(bytes).tensors)).toStrictEqual(plain(tensors));
        }),
      ),
      { numRuns },
    );
  });
});

test("the small reader of JSON accepts and reads the same texts as the engine", () => {
  const text = fc.oneof(
    fc.json(),
    fc
      .array(
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          '"a"',
          "1",
          "-0",
          "01",
          "1.",
          "1e5",
          ".5",
          "true",
          " ",
          "\t",
          "\u00a0",
          '"\\u00e9"',
          '"\\x"',
          '"\n"',
        ),
        { maxLength: 6 },
      )
      .map((tokens) => tokens.join("")),
  );
  const plainJson = (value: unknown): unknown =>
    value instanceof Map
      ? Object.fromEntries([...value].map(([key, item]) => [key, plainJson(item)]))
      : Array.isArray(value)
        ? value.map(plainJson)
        : value;
  fc.assert(
    fc.property(text, (json) => {
      let expected: unknown;
      try {
        expected = JSON.parse(json);
      } catch {
        expect(() => readJson(json)).toThrow(Refused);
        return;
      }
      expect(plainJson(readJson(json))).toStrictEqual(expected);
    }),
    { numRuns: 5 * numRuns },
  );
});

describe("checkpoints", () => {
  const key = fc.string({ maxLength: 6 }).filter((text) => !text.startsWith("$") && text !== "__proto__");
  const leaf = fc.oneof(
    fc.constantFrom(null, true, false, -0, Number.NaN, Infinity, -Infinity, 2 ** 53),
    fc.double(),
    fc.string({ unit: "binary" }),
    fc.bigInt(),
    fc.float64Array({ maxLength: 4 }),
    fc.uint8Array({ maxLength: 4 }),
    fc.int32Array({ maxLength: 4 }),
    fc.float32Array({ maxLength: 4 }).map((values) => ({ makeTensor: values })),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(key, tie("value"), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  /** Tensors cannot be generated, because they would outlive their case. */
  const withTensors = (item: unknown): unknown => {
    if (typeof item !== "object" || item === null || ArrayBuffer.isView(item)) return item;
    if (Array.isArray(item)) return item.map(withTensors);
    if ("makeTensor" in item) return tensor(item.makeTensor as Float32Array);
    return Object.fromEntries(Object.entries(item).map(([name, inner]) => [name, withTensors(inner)]));
  };

  test("extra is restored unchanged", () => {
    const path = join(folder, "extra.safetensors");
    fc.assert(
      fc.property(value, fc.nat(), fc.nat(), (shape, epoch, step) =>
        scope(() => {
          const extra = withTensors(shape);
          try {
            saveCheckpoint(path, { extra, epoch, step });
          } catch (error) {
            // "a.b" of one object, and "b" in "a" of another: the same name for two tensors
            expect((error as Error).message).toMatch(/two tensors are called/);
            return;
          }
          expect(plain(loadCheckpoint(path))).toStrictEqual({ epoch, step, extra: plain(extra) });
        }),
      ),
      { numRuns },
    );
  });
});

describe("states of JSON", () => {
  function makeLearner() {
    manualSeed(1);
    const model = new nn.Linear(2, 1);
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const loader = new DataLoader(new TensorDataset(randn([4, 2])), { batchSize: 2 });
    const schedulers = [new optim.StepLR(optimizer, { stepSize: 2 }), new optim.ReduceLROnPlateau(optimizer, {})];
    const trainer = new Trainer({
      model,
      optimizer,
      loader,
      loss: ([x]: Tensor[]) => model.forward(x).square().mean(),
      epochs: 1,
    });
    return { optimizer, loader, schedulers, trainer };
  }

  /** Puts a JSON value in place of another. */
  function replacedAt(root: unknown, path: readonly number[], replacement: unknown): unknown {
    if (typeof root !== "object" || root === null || path.length === 0) return replacement;
    const keys = Object.keys(root);
    if (keys.length === 0) return replacement;
    const name = keys[path[0] % keys.length];
    const changed = replacedAt((root as Record<string, unknown>)[name], path.slice(1), replacement);
    return Array.isArray(root)
      ? root.map((item, i) => (i === Number(name) ? changed : item))
      : { ...root, [name]: changed };
  }
  const change = {
    path: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
    replacement: fc.jsonValue({ maxDepth: 2 }),
  };

  test("a state with one changed value is loaded, or refused with nothing changed", () => {
    const { optimizer, loader, schedulers, trainer } = makeLearner();
    const stateful = { optimizer, loader, trainer, step: schedulers[0], plateau: schedulers[1] };
    const originals = Object.fromEntries(
      Object.entries(stateful).map(([name, part]) => [name, part.stateDict()] as [string, unknown]),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(stateful)), fc.record(change), (name, { path, replacement }) => {
        const part = stateful[name as keyof typeof stateful];
        const shown = () => JSON.stringify(part.stateDict());
        const before = shown();
        const changed = replacedAt(originals[name], path, replacement);
        try {
          part.loadStateDict(changed as never);
        } catch (error) {
          expect(error, JSON.stringify(changed)).toBeInstanceOf(WasmgradError);
          // a trainer's parts load one by one: resumeTrainer undoes it
          if (name !== "trainer") expect(shown()).toBe(before);
        }
        part.loadStateDict(originals[name] as never);
      }),
      { numRuns: 5 * numRuns },
    );
  });

  test("logs: curves are drawn, or refused with a typed error", () => {
    const entry: fc.Arbitrary<unknown> = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record(
          {
            kind: fc.constantFrom("step", "epoch"),
            epoch: fc.nat(9),
            step: fc.nat(99),
            lr: fc.double(),
            loss: fc.double(),
            seconds: fc.nat(9),
            accuracy: fc.oneof(fc.double(), fc.string(), fc.constant(null)),
          },
          { requiredKeys: ["kind"] },
        ),
      },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (log) => {
        try {
          for (const picture of Object.values(curves(log as LogEntry[]))) {
            expect(picture.width * picture.height).toBeGreaterThan(0);
            expect(picture.data.length % (picture.width * picture.height)).toBe(0);
          }
        } catch (error) {
          expect(error, JSON.stringify(log)).toBeInstanceOf(WasmgradError);
        }
      }),
      { numRuns: Math.ceil(numRuns / 20) },
    );
  });
});
