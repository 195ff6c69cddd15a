/** The operator tests of the onnx package: see scripts/onnx/node_tests.py, which describes the file. */
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { HostValue, MAX_HOST_ELEMENTS, sizeOf, type Value } from "../../../src/onnx/host_value.ts";
import { tensor } from "../../../src/tensor/creation.ts";

type DTypeName = "float32" | "int32" | "int64" | "bool";
type Description = [dtype: DTypeName, shape: number[], start: number];

/** A tensor of a test: its elements as numbers; bool as 0 or 1. */
export interface TestTensor {
  dtype: DTypeName;
  shape: number[];
  data: number[];
}

export interface NodeTest {
  /** For example "test_add_bcast". */
  name: string;
  /** The operator that it tests. */
  operator: string;
  /** The bytes of a ModelProto. */
  model: Uint8Array;
  inputs: TestTensor[];
  outputs: TestTensor[];
}

const FILE = new URL("../../fixtures/onnx/node_tests.bin.br", import.meta.url);

const ARRAYS = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array } as const;

/** What the file has. */
export interface NodeTests {
  /** The version of the onnx package. */
  onnx: string;
  /** The operators of ONNX's own domain, with the versions in which each changed. */
  versions: Readonly<Record<string, readonly number[]>>;
  tests: NodeTest[];
}

/** Reads the file. */
export function readNodeTestFile(): NodeTests {
  const bytes = new Uint8Array(brotliDecompressSync(readFileSync(FILE)));
  const textEnd = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const { onnx, versions, tests } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, textEnd)));
  const read = ([dtype, shape, start]: Description): TestTensor => {
    const ArrayType = ARRAYS[dtype];
    const from = textEnd + start;
    const copy = bytes.slice(from, from + sizeOf(shape) * ArrayType.BYTES_PER_ELEMENT);
    return { dtype, shape, data: Array.from(new ArrayType(copy.buffer) as Iterable<number | bigint>, Number) };
  };
  type Entry = Omit<NodeTest, "model" | "inputs" | "outputs"> & {
    model: [number, number];
    inputs: Description[];
    outputs: Description[];
  };
  const toTest = ({ name, operator, model: [start, length], inputs, outputs }: Entry): NodeTest => ({
    name,
    operator,
    model: bytes.slice(textEnd + start, textEnd + start + length),
    inputs: inputs.map(read),
    outputs: outputs.map(read),
  });
  return { onnx, versions, tests: tests.map(toTest) };
}

/** Reads all tests. */
export function readNodeTests(): NodeTest[] {
  return readNodeTestFile().tests;
}

/**
 * Where inputs are: "tensors" in WebAssembly memory, with int64 as int32, as callers give them; "int64 on the
 * host" as results of shape arithmetic are; "host" with everything there.
 */
export type Place = "tensors" | "int64 on the host" | "host";

/** A tensor of a test as an input of the graph. Values that are too large for the host are tensors. */
export function toValue({ dtype, shape, data }: TestTensor, place: Place = "tensors"): Value {
  const onHost = place === "host" || (place === "int64 on the host" && dtype === "int64");
  if (onHost && data.length <= MAX_HOST_ELEMENTS) {
    return new HostValue(shape, data, dtype === "float32" ? "float" : dtype);
  }
  if (dtype === "float32") return tensor(Float32Array.from(data), { shape });
  const x = tensor(Int32Array.from(data), { shape });
  return dtype === "bool" ? x.bool() : x;
}

/** The kinds of element that a result may have, by the dtype that the model declares. */
const KINDS: Readonly<Record<DTypeName, readonly string[]>> = {
  float32: ["float32", "float", "double"],
  int32: ["int32"],
  int64: ["int64", "int32"],
  bool: ["bool"],
};

/** Tests whose expected numbers are rounded to four decimals. */
const ROUNDED = [
  "test_averagepool_2d_ceil_last_window_starts_on_pad",
  "test_gridsample_bicubic",
  "test_roialign_aligned_false",
  "test_roialign_aligned_true",
];

/**
 * Tests whose expected values were drawn by another generator of random numbers: only types and shapes are
 * compared.
 */
const DRAWN = [
  "test_bernoulli_seed",
  "test_bernoulli_seed_expanded",
  "test_training_dropout",
  "test_training_dropout_default",
  "test_training_dropout_default_mask",
  "test_training_dropout_mask",
];

export const isDrawn = ({ name }: NodeTest): boolean => DRAWN.includes(name);

/** The relative difference that a test allows; Infinity if its values are not compared. */
export function toleranceOf(test: NodeTest): number {
  if (isDrawn(test)) return Infinity;
  return ROUNDED.includes(test.name) ? 1e-3 : 1e-5;
}

/** Why `value` is not the expected result, or null. */
export function differenceFrom(value: Value | undefined, expected: TestTensor, tolerance: number): string | null {
  if (value === undefined) return "there is no such output";
  const isHost = value instanceof HostValue;
  const [shape, kind] = isHost ? [value.dims, value.type] : [value.shape, value.dtype];
  if (!KINDS[expected.dtype].includes(kind)) return `is ${kind}, expected ${expected.dtype}`;
  if (String(shape) !== String(expected.shape)) return `has shape [${shape}], expected [${expected.shape}]`;
  if (tolerance === Infinity) return null;
  const data = isHost ? value.data : Array.from(value.detach().data(), Number);
  const magnitudes = expected.data.filter(Number.isFinite).map(Math.abs);
  const largest = magnitudes.reduce((a, b) => Math.max(a, b), 0);
  const isExact = expected.dtype !== "float32";
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [data[i], expected.data[i]];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    // `!(<=)` is true for NaN and infinities
    if (isExact || !(Math.abs(x - y) <= tolerance * Math.abs(y) + 2e-6 * largest)) {
      return `element ${i} is ${x}, expected ${y}`;
    }
  }
  return null;
}
