import { create, type DescField, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { OptionError, OutOfMemoryError } from "../../errors.ts";
import type { OwnBytes } from "../../typed_arrays.ts";
import {
  TensorProto_DataLocation as DataLocation,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "../schema/onnx_pb.ts";
import { MAX_MODEL_BYTES, withMembers } from "./decode.ts";

/**
 * Offsets in a file with weights are multiples of this, so that a reader can map the file into its memory.
 */
const ALIGNMENT = 4096;

/** Smaller tensors stay in the model when weights go into another file, as in other writers. */
const SMALLEST_EXTERNAL = 1024;

export interface WriteModelOptions {
  /** The name of a file for weights, relative to the model's folder. Default: they are in the model. */
  externalData?: string;
}

/** Bytes that are written one piece after the other. A piece is valid until the next one. */
export interface Layout {
  readonly size: number;
  readonly pieces: Iterable<Uint8Array>;
}

export interface ModelLayout {
  readonly model: Layout;
  /** The file for weights, if there is one. */
  readonly external?: Layout;
}

/**
 * Lays out the file of a model. Elements of initializers (`rawData`) are separate pieces, which are not
 * copied; they are read when their turn comes, so that they may be views of memory that has not moved until
 * then.
 *
 * @throws OptionError for a model of more than 2 GiB.
 */
export function layOutModel(op: string, model: ModelProto, { externalData }: WriteModelOptions = {}): ModelLayout {
  if (externalData === undefined) return { model: layOut(op, model, model.graph?.initializer ?? []) };
  const parts: { at: number; tensor: TensorProto }[] = [];
  let size = 0;
  const initializers = (model.graph?.initializer ?? []).map((tensor) => {
    const { length } = tensor.rawData;
    if (length < SMALLEST_EXTERNAL) return tensor;
    const at = Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    parts.push({ at, tensor });
    size = at + length;
    return externalTensor(tensor, { location: externalData, offset: at, length });
  });
  return { model: layOut(op, model, initializers), external: { size, pieces: externalPieces(parts) } };
}

/** The file of a model as one array, and that for weights. */
export function writeModel(
  op: string,
  model: ModelProto,
  options?: WriteModelOptions,
): { bytes: OwnBytes; external?: OwnBytes } {
  const { model: inside, external } = layOutModel(op, model, options);
  return { bytes: join(op, inside), ...(external && { external: join(op, external) }) };
}

function externalTensor(tensor: TensorProto, entries: Record<string, string | number>): TensorProto {
  const externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
  return withoutElements(tensor, { externalData, dataLocation: DataLocation.EXTERNAL });
}

/** A copy of a tensor without `rawData`. */
function withoutElements(tensor: TensorProto, members: Partial<TensorProto> = {}): TensorProto {
  const copy = withMembers(tensor, members);
  delete (copy as Partial<TensorProto>).rawData;
  return copy;
}

function* externalPieces(parts: readonly { at: number; tensor: TensorProto }[]): Generator<Uint8Array> {
  let end = 0;
  for (const { at, tensor } of parts) {
    if (at > end) yield new Uint8Array(at - end);
    yield tensor.rawData;
    end = at + tensor.rawData.length;
  }
}

/**
 * The pieces of a model. The parts of a message may come in any order, so initializers come last in the
 * graph, and elements last in each of them.
 */
function layOut(op: string, model: ModelProto, initializers: readonly TensorProto[]): Layout {
  const tensors = initializers.map((tensor) => {
    const { length } = tensor.rawData;
    const rest = toBinary(TensorProtoSchema, withoutElements(tensor));
    const before = length > 0 ? header(TensorProtoSchema.field.rawData, length) : new Uint8Array(0);
    const head = header(GraphProtoSchema.field.initializer, rest.length + before.length + length);
    return { tensor, size: head.length + rest.length + before.length + length, heads: [head, rest, before] };
  });
  const start: Uint8Array[] = [toBinary(ModelProtoSchema, withMembers(model, { graph: undefined }))];
  if (model.graph) {
    const rest = toBinary(GraphProtoSchema, withMembers(model.graph, { initializer: [] }));
    const size = tensors.reduce((sum, tensor) => sum + tensor.size, rest.length);
    if (size > MAX_MODEL_BYTES) throw tooLarge(op, size);
    start.push(header(ModelProtoSchema.field.graph, size), rest);
  }
  const size = [...start.map(({ length }) => length), ...tensors.map((tensor) => tensor.size)].reduce((a, b) => a + b);
  if (size > MAX_MODEL_BYTES) throw tooLarge(op, size);
  function* pieces(): Generator<Uint8Array> {
    yield* start;
    for (const { heads, tensor } of tensors) {
      yield* heads;
      if (tensor.rawData.length > 0) yield tensor.rawData;
    }
  }
  return { size, pieces: pieces() };
}

/** What comes before the content of a field. */
function header(field: DescField, length: number): Uint8Array {
  if (length > MAX_MODEL_BYTES) return new Uint8Array(0); // the whole is refused
  return new BinaryWriter().tag(field.number, WireType.LengthDelimited).uint32(length).finish();
}

function tooLarge(op: string, size: number): OptionError {
  return new OptionError(
    `${op}: the model takes ${size} bytes, but an ONNX file holds at most ${MAX_MODEL_BYTES}: pass externalData, the ` +
      "name of a file for the weights",
  );
}

function join(op: string, { size, pieces }: Layout): OwnBytes {
  let bytes: OwnBytes;
  try {
    bytes = new Uint8Array(size);
  } catch (cause) {
    throw new OutOfMemoryError(`${op}: the engine has no array of ${size} bytes (${(cause as Error).message})`, {
      cause,
    });
  }
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
