import { DataError, formatShape, WasmgradError } from "../../errors.ts";
import { type ByteSource, PIECE_BYTES, readFromBlob } from "../../io/pieces.ts";
import { empty, type NDArray } from "../../ops/core/array.ts";
import { leaf } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { HostValue, MAX_HOST_ELEMENTS } from "../host_value.ts";
import { TensorProto_DataLocation as DataLocation, type TensorProto, TensorProtoSchema } from "../schema/onnx_pb.ts";
import { elementFields } from "./decode.ts";
import { decodeRaw, type ElementType, elementType, toElement, toHostNumber } from "./element_types.ts";
import { type ExternalFile, rangeOf } from "./external_data.ts";
import { countVarints, readVarints, withoutLength } from "./varints.ts";

/** Where the elements of a tensor are. */
type Elements =
  /** little-endian elements, in parts */
  | { kind: "raw"; parts: readonly Uint8Array[] }
  /** integers of protobuf */
  | { kind: "varints"; parts: readonly Uint8Array[] }
  | { kind: "external"; file: ExternalFile; begin: number };

/**
 * A tensor of a file: name, type and shape, which are checked, and the elements, which are not read yet.
 *
 * @throws DataError (by the constructor) for a type that is not supported, a shape that is not one, and a
 *   number of elements that differs from the shape's. Nothing is allocated before.
 */
export class TensorData {
  readonly name: string;
  readonly dims: readonly number[];
  /** The number of elements. */
  readonly size: number;
  readonly type: ElementType;
  readonly #what: string;
  readonly #elements: Elements;

  /**
   * @param external files with weights, by their names in the model
   * @param what the tensor in messages; by default by its name
   */
  constructor(
    proto: TensorProto,
    external: ReadonlyMap<string, ExternalFile> = new Map(),
    what = `tensor ${JSON.stringify(proto.name)}`,
  ) {
    this.name = proto.name;
    this.#what = what;
    this.type = elementType(what, proto.dataType);
    this.dims = dimsOf(what, proto.dims);
    this.size = this.dims.reduce((size, length) => size * length, 1);
    if (!Number.isSafeInteger(this.size * this.type.bytes)) {
      throw new DataError(`${what}: shape ${formatShape(this.dims)} has more than 2^53 bytes`);
    }
    this.#elements = findElements(what, proto, this.type, this.size, external);
  }

  /** Whether the elements are in a Blob, so that only `load` reads them. Those for the host never are. */
  get isLater(): boolean {
    return this.#elements.kind === "external" && this.#elements.file.blob !== undefined;
  }

  /**
   * Reads the elements straight into a new tensor: float32, int32 or bool. Integers near 2^63 become the
   * largest of int32.
   *
   * @throws DataError for an integer that int32 cannot hold; OutOfMemoryError.
   */
  tensor(): Tensor {
    const made = this.#empty();
    try {
      this.#fill(() => made.array.view());
    } catch (error) {
      made.release();
      throw error;
    }
    return made;
  }

  #fill(out: () => ReturnType<NDArray["view"]>): void {
    const elements = this.#elements;
    if (elements.kind === "raw") {
      let first = 0;
      for (const raw of elements.parts) {
        decodeRaw(this.#what, this.type, raw, out(), first);
        first += raw.length / this.type.bytes;
      }
    } else if (elements.kind === "varints") {
      let i = 0;
      const view = out();
      this.#readVarints(elements.parts, (value) => {
        view[i++] = toElement(this.#what, this.type, value);
      });
    } else {
      this.#open(elements.file, (source) => {
        for (const { begin, end, first } of this.#pieces(elements.begin)) {
          decodeRaw(this.#what, this.type, source.read({ begin, end }), out(), first);
        }
      });
    }
  }

  /** `tensor()`, also for elements in a Blob. */
  async load(): Promise<Tensor> {
    const elements = this.#elements;
    if (elements.kind !== "external" || !elements.file.blob) return this.tensor();
    const made = this.#empty();
    try {
      for (const { begin, end, first } of this.#pieces(elements.begin)) {
        const raw = await readFromBlob(this.#what, elements.file.blob, { begin, end });
        decodeRaw(this.#what, this.type, raw, made.array.view(), first);
      }
    } catch (error) {
      made.release();
      throw error;
    }
    return made;
  }

  /**
   * Reads the elements as a host value, which is exact: int64 up to 2^53. Integers near 2^63 become the
   * largest safe integer.
   *
   * @throws DataError for more than `MAX_HOST_ELEMENTS` elements, or an integer that is not exact.
   */
  host(): HostValue {
    const { type, size, dims } = this;
    const what = this.#what;
    if (size > MAX_HOST_ELEMENTS) {
      throw new DataError(`${what}: ${size} elements where at most ${MAX_HOST_ELEMENTS} are expected`);
    }
    const data: number[] = [];
    const put = (value: number) => data.push(toHostNumber(what, type, value));
    const elements = this.#elements;
    if (elements.kind === "varints") {
      this.#readVarints(elements.parts, put);
      return new HostValue(dims, data, type.host);
    }
    const read = (raw: Uint8Array) => {
      const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
      for (let at = 0; at < raw.length; at += type.bytes) put(type.read(view, at));
    };
    if (elements.kind === "raw") elements.parts.forEach(read);
    else {
      const { file, begin } = elements;
      this.#open(file, (source) => read(source.read({ begin, end: begin + size * type.bytes })));
    }
    return new HostValue(dims, data, type.host);
  }

  #empty(): Tensor {
    return leaf(() => empty(this.dims, this.type.dtype));
  }

  #open(file: ExternalFile, use: (source: ByteSource) => void): void {
    if (!file.open) throw new WasmgradError(`${this.#what}: its elements are in a Blob, which only load() reads`);
    file.open(use);
  }

  /** The ranges of the file that are read one after the other, and the index of the first element of each. */
  *#pieces(start: number): Generator<{ begin: number; end: number; first: number }> {
    const { bytes } = this.type;
    const stop = start + this.size * bytes;
    for (let begin = start; begin < stop; begin += PIECE_BYTES) {
      yield { begin, end: Math.min(begin + PIECE_BYTES, stop), first: (begin - start) / bytes };
    }
  }

  #readVarints(parts: readonly Uint8Array[], put: (value: number) => void): void {
    const { type } = this;
    for (const part of parts) {
      readVarints(this.#what, part, type.name !== "uint64", (integer) => {
        const value = type.from?.(integer) ?? Number.NaN;
        // both kinds of half have NaN
        if (Number.isNaN(value) && type.dtype !== "float32") {
          throw new DataError(`${this.#what}: ${integer} is no ${type.name}`);
        }
        put(value);
      });
    }
  }
}

/** The shape of a tensor in a file. */
function dimsOf(what: string, dims: readonly bigint[]): number[] {
  const lengths = dims.map(Number);
  if (lengths.some((length) => !Number.isSafeInteger(length) || length < 0)) {
    throw new DataError(`${what}: a shape has lengths from 0 to 2^53 - 1, got ${formatShape(lengths)}`);
  }
  return lengths;
}

const DATA_LOCATION = TensorProtoSchema.field.dataLocation.number;

function findElements(
  what: string,
  proto: TensorProto,
  type: ElementType,
  size: number,
  external: ReadonlyMap<string, ExternalFile>,
): Elements {
  const { rawData, dataLocation, segment, $unknown = [] } = proto;
  const fields = elementFields(proto);
  const places = fields.length + (rawData.length > 0 ? 1 : 0);
  if (segment) throw new DataError(`${what}: is stored in segments, which are not supported`);
  if ($unknown.some(({ no }) => no === DATA_LOCATION)) throw new DataError(`${what}: unknown data_location`);
  if (dataLocation === DataLocation.EXTERNAL) {
    if (places > 0) throw new DataError(`${what}: has elements in the file, though its data_location is another file`);
    return findExternal(what, proto, size * type.bytes, external);
  }
  if (places > 1) throw new DataError(`${what}: has elements in ${places} fields`);
  if (fields.length === 0) return { kind: "raw", parts: [checkLength(what, rawData, type, size)] };
  const [{ number, records }] = fields;
  if (number !== type.field) {
    throw new DataError(`${what}: elements of type ${type.name} expected in field ${type.field}, got field ${number}`);
  }
  const parts = records.map(({ packed, bytes }) => (packed ? withoutLength(bytes) : bytes));
  const fixed = type.from === undefined;
  const count = parts.reduce((sum, part) => sum + (fixed ? part.length / type.bytes : countVarints(part)), 0);
  if (count !== size) throw wrongCount(what, proto, size, count);
  if (fixed && parts.some((part) => part.length % type.bytes > 0)) {
    throw new DataError(`${what}: a part of its elements has no whole number of them`);
  }
  return { kind: fixed ? "raw" : "varints", parts };
}

const wrongCount = (what: string, { dims }: TensorProto, expected: number, got: number) =>
  new DataError(`${what}: shape [${dims}] expected ${expected} elements, got ${got}`);

function checkLength(what: string, raw: Uint8Array, type: ElementType, size: number): Uint8Array {
  if (raw.length === size * type.bytes) return raw;
  throw new DataError(
    `${what}: ${size} elements of type ${type.name} take ${size * type.bytes} bytes, got ${raw.length}`,
  );
}

function findExternal(
  what: string,
  proto: TensorProto,
  bytes: number,
  external: ReadonlyMap<string, ExternalFile>,
): Elements {
  const { location, begin, length } = rangeOf(what, proto);
  if (length !== undefined && length !== bytes) {
    throw new DataError(`${what}: its elements take ${bytes} bytes, but its external data has a length of ${length}`);
  }
  const file = external.get(location);
  if (!file) throw new DataError(`${what}: no external file ${JSON.stringify(location)} was opened`);
  if (begin + bytes > file.size) {
    throw new DataError(
      `${what}: bytes ${begin} to ${begin + bytes} of ${JSON.stringify(location)}, which has ${file.size} bytes`,
    );
  }
  return { kind: "external", file, begin };
}
