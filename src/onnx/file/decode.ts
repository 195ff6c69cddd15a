import { create, createFileRegistry, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { DataError } from "../../errors.ts";
import {
  file_onnx,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "../schema/onnx_pb.ts";
import { checkEncoding, MAX_DEPTH } from "./scan.ts";

/** Largest size of an encoded model: lengths in protobuf's messages are 32-bit integers with a sign. */
export const MAX_MODEL_BYTES = 2 ** 31 - 1;

/**
 * The fields of a tensor with elements. `readingSchema` does not have them, so that they stay the bytes of
 * the file: as arrays of numbers they would take several times the memory, and seconds to read.
 */
const ELEMENT_FIELDS = ["floatData", "int32Data", "int64Data", "doubleData", "uint64Data"] as const;
const ELEMENT_NUMBERS: readonly number[] = ELEMENT_FIELDS.map((name) => TensorProtoSchema.field[name].number);

let schema: DescMessage | undefined;

/** The schema of a model whose tensors keep elements as bytes. */
function readingSchema(): DescMessage {
  if (schema) return schema;
  const { proto } = file_onnx;
  const messageType = proto.messageType.map((message) =>
    message.name === TensorProtoSchema.name
      ? withMembers(message, { field: message.field.filter(({ number }) => !ELEMENT_NUMBERS.includes(number)) })
      : message,
  );
  const file = createFileRegistry(withMembers(proto, { messageType }), () => undefined);
  // what expects tensors to have arrays finds empty ones
  const defaults = Object.getPrototypeOf(create(file.getMessage(TensorProtoSchema.typeName) as DescMessage));
  for (const name of ELEMENT_FIELDS) defaults[name] = Object.freeze([]);
  schema = file.getMessage(ModelProtoSchema.typeName) as DescMessage;
  return schema;
}

/** A copy of a message with some members replaced. */
export function withMembers<T extends object>(message: T, members: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)), message, members);
}

/**
 * Decodes a model. All bytes of tensors are views of `bytes`; those of `float_data` and similar fields are
 * found by `elementFields`, and the tensors' members `floatData` and so on are empty.
 *
 * @param file the file's name, for errors
 * @throws DataError for anything but a valid file.
 */
export function decodeModel(file: string, bytes: Uint8Array): ModelProto {
  if (bytes.length > MAX_MODEL_BYTES) throw tooLarge(file, bytes.length);
  if (bytes.length === 0) throw new DataError(`${file}: no valid ONNX file: it is empty`);
  checkEncoding(file, readingSchema(), bytes);
  try {
    return fromBinary(readingSchema(), bytes, { recursionLimit: MAX_DEPTH + 1 }) as ModelProto;
  } catch (cause) {
    throw new DataError(`${file}: no valid ONNX file: ${(cause as Error).message}`, { cause });
  }
}

export function tooLarge(file: string, size: number): DataError {
  return new DataError(
    `${file}: ${size} bytes, but an ONNX file holds at most ${MAX_MODEL_BYTES}: larger weights go into a file of their ` +
      "own (external data)",
  );
}

/** The records of one field of a tensor, as they are in the file. */
export interface ElementField {
  /** 4 `float_data`, 5 `int32_data`, 7 `int64_data`, 10 `double_data`, 11 `uint64_data`. */
  number: number;
  /** Each with a length before it if the field is packed, or the bytes of one element. */
  records: { packed: boolean; bytes: Uint8Array }[];
}

/** The fields of a decoded tensor that have elements, but for `raw_data`. */
export function elementFields({ $unknown = [] }: TensorProto): ElementField[] {
  const fields = new Map<number, ElementField>();
  for (const { no: number, wireType, data } of $unknown) {
    if (!ELEMENT_NUMBERS.includes(number)) continue;
    const field = fields.get(number) ?? { number, records: [] };
    fields.set(number, field);
    field.records.push({ packed: wireType === 2, bytes: data });
  }
  return [...fields.values()];
}
