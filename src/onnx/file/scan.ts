import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { DataError } from "../../errors.ts";

/** Largest depth of messages in messages. 32 graphs in graphs, which are checked by name, need 101. */
export const MAX_DEPTH = 120;

/** Most messages in a file: several for each of the 200,000 nodes that a model may have. */
const MAX_MESSAGES = 2 ** 21;

/** Most fields in all messages. Each becomes an object in JavaScript. */
const MAX_FIELDS = 2 ** 22;

/** Most numbers in lists, such as attributes, but for the elements of tensors. */
const MAX_NUMBERS = 2 ** 24;

/** Protobuf's wire types. Groups, which ONNX does not have, are refused. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** What is expected of a field. */
interface Field {
  name: string;
  wireType: number;
  /** Whether several values may stand in one record. */
  packed: boolean;
  message?: DescMessage;
}

const known = new Map<DescMessage, Map<number, Field>>();

function fieldsOf(desc: DescMessage): Map<number, Field> {
  let fields = known.get(desc);
  if (!fields) known.set(desc, (fields = new Map(desc.fields.map((field) => [field.number, fieldOf(field)]))));
  return fields;
}

function fieldOf(field: DescField): Field {
  const { name, scalar, message } = field;
  const wireType = message ? LENGTH : scalar === undefined ? VARINT : wireTypeOf(scalar);
  return { name, wireType, packed: field.fieldKind === "list" && wireType !== LENGTH, message };
}

function wireTypeOf(scalar: ScalarType): number {
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return LENGTH;
  if (scalar === ScalarType.DOUBLE) return FIXED64;
  return scalar === ScalarType.FLOAT ? FIXED32 : VARINT;
}

/**
 * Checks the structure of an encoded message before anything is made of it: that each length fits into the
 * message around it, that each field has the type of the schema, and that number and depth of the parts have
 * bounds. Reads each byte of structure once, and none of the weights.
 *
 * @throws DataError that names the file, the place in it, and the node.
 */
export function checkEncoding(file: string, desc: DescMessage, bytes: Uint8Array): void {
  try {
    new Scan(bytes).message(desc, bytes.length, 0);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new DataError(`${file}: no valid ONNX file: byte ${error.at}, model${shorten(error.path)}: ${error.message}`);
  }
}

/** A path without its middle if it is long, as that of graphs in graphs. */
function shorten(path: string): string {
  const parts = path.split(" > ");
  return parts.length > 20 ? [...parts.slice(0, 10), "...", ...parts.slice(-10)].join(" > ") : path;
}

/** An error with its place, to which each message around it adds its name. */
class EncodingError extends Error {
  path = "";
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

class Scan {
  readonly #bytes: Uint8Array;
  #at = 0;
  #messages = 0;
  #fields = 0;
  #numbers = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(desc: DescMessage, end: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw this.#error(`messages are nested deeper than ${MAX_DEPTH}`);
    if (++this.#messages > MAX_MESSAGES) throw this.#error(`more than ${MAX_MESSAGES} messages`);
    const begin = this.#at;
    const fields = fieldsOf(desc);
    while (this.#at < end) {
      const { number, wireType } = this.#tag(end);
      const field = fields.get(number);
      try {
        this.#field(field, wireType, end, depth);
      } catch (error) {
        if (error instanceof EncodingError) {
          error.path = `${this.#label(desc, begin, end)} > ${field?.name ?? `field ${number}`}${error.path}`;
        }
        throw error;
      }
    }
  }

  #tag(end: number): { number: number; wireType: number } {
    const tag = this.#varint(end);
    const number = Math.floor(tag / 8);
    if (number < 1 || number >= 2 ** 29) throw this.#error(`field number ${number}`);
    return { number, wireType: tag % 8 };
  }

  #field(field: Field | undefined, wireType: number, end: number, depth: number): void {
    if (field && wireType !== field.wireType && !(field.packed && wireType === LENGTH)) {
      throw this.#error(`wire type ${wireType}, expected ${field.wireType}`);
    }
    if (++this.#fields > MAX_FIELDS) throw this.#error(`more than ${MAX_FIELDS} fields`);
    const next = this.#end(wireType, end);
    if (field?.message) this.message(field.message, next, depth + 1);
    else if (field?.packed && wireType === LENGTH) this.#packed(field.wireType, next);
    this.#at = next;
  }

  /** Where the value at the present place ends. The place moves to its content. */
  #end(wireType: number, end: number): number {
    if (wireType === VARINT) {
      this.#varint(end);
      return this.#at;
    }
    const length = wireType === LENGTH ? this.#varint(end) : wireType === FIXED64 ? 8 : wireType === FIXED32 ? 4 : -1;
    if (length < 0) throw this.#error(`wire type ${wireType}, which ONNX does not have`);
    if (length > end - this.#at) throw this.#error(`a length of ${length} where ${end - this.#at} bytes are left`);
    return this.#at + length;
  }

  /** Counts and checks the numbers of a packed field. */
  #packed(wireType: number, end: number): void {
    if (wireType !== VARINT) {
      const size = wireType === FIXED64 ? 8 : 4;
      if ((end - this.#at) % size > 0) throw this.#error(`${end - this.#at} bytes of numbers of ${size} bytes`);
      this.#numbers += (end - this.#at) / size;
    }
    while (wireType === VARINT && this.#at < end && this.#numbers <= MAX_NUMBERS) {
      this.#varint(end);
      this.#numbers++;
    }
    if (this.#numbers > MAX_NUMBERS) throw this.#error(`more than ${MAX_NUMBERS} numbers`);
  }

  /** A number of up to ten bytes. Above 2^53 it is not exact; lengths and tags are smaller. */
  #varint(end: number): number {
    let value = 0;
    for (let i = 0, scale = 1; i < 10 && this.#at < end; i++, scale *= 128) {
      const byte = this.#bytes[this.#at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw this.#error(this.#at >= end ? "the message ends within a number" : "a number of more than ten bytes");
  }

  /** The names of a damaged node, graph or tensor, as far as they can be read, or "". */
  #label(desc: DescMessage, begin: number, end: number): string {
    const wanted = NAMES[desc.typeName] ?? [];
    const found: string[] = [];
    this.#at = begin;
    try {
      while (wanted.length > 0 && this.#at < end) {
        const { number, wireType } = this.#tag(end);
        const next = this.#end(wireType, end);
        if (wanted.includes(number) && wireType === LENGTH) found.push(this.#text(next));
        this.#at = next;
      }
    } catch {
      // the damage begins here
    }
    return found.map((text) => ` ${text}`).join("");
  }

  #text(end: number): string {
    return JSON.stringify(new TextDecoder().decode(this.#bytes.subarray(this.#at, Math.min(end, this.#at + 100))));
  }

  #error(message: string): EncodingError {
    return new EncodingError(message, this.#at);
  }
}

/** The fields with the names of a node and of its operator, of an attribute, and of a tensor. */
const NAMES: Readonly<Record<string, readonly number[]>> = {
  "onnx.NodeProto": [3, 4],
  "onnx.AttributeProto": [1],
  "onnx.TensorProto": [8],
};
