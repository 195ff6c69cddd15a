import { DataError } from "../../errors.ts";
import { refuseElementType } from "../file/element_types.ts";
import type { ModelFile } from "../file/read_model.ts";
import type { TensorData } from "../file/tensor_data.ts";
import type { Value } from "../host_value.ts";
import type { AttributeReader } from "../operator.ts";
import { type AttributeProto, AttributeProto_AttributeType as Type } from "../schema/onnx_pb.ts";
import { hostConstant } from "./constants.ts";

/** The kinds of attributes that operators read. Graphs are read by the importer itself. */
type Kind = "int" | "float" | "string" | "ints" | "floats" | "strings" | "tensor" | "graph" | "other";

const KINDS: Readonly<Record<number, Kind>> = {
  [Type.INT]: "int",
  [Type.FLOAT]: "float",
  [Type.STRING]: "string",
  [Type.INTS]: "ints",
  [Type.FLOATS]: "floats",
  [Type.STRINGS]: "strings",
  [Type.TENSOR]: "tensor",
  [Type.GRAPH]: "graph",
};

/**
 * The kind of an attribute: as it says, or (before IR version 3 it does not say) as its field that is filled.
 */
function kindOf(attribute: AttributeProto): Kind {
  if (attribute.type !== Type.UNDEFINED) return KINDS[attribute.type] ?? "other";
  if (attribute.t) return "tensor";
  if (attribute.g) return "graph";
  if (attribute.ints.length > 0) return "ints";
  if (attribute.floats.length > 0) return "floats";
  if (attribute.strings.length > 0) return "strings";
  if (attribute.s.length > 0) return "string";
  return attribute.i !== 0n || attribute.f === 0 ? "int" : "float";
}

const decoder = new TextDecoder();

/** What an attribute contains. Nothing here refers to the bytes of the file, so that they can be freed. */
function contents(attribute: AttributeProto, kind: Kind, what: string, file: ModelFile): unknown {
  switch (kind) {
    case "int":
      return Number(attribute.i);
    case "float":
      return attribute.f;
    case "string":
      return decoder.decode(attribute.s);
    case "ints":
      return attribute.ints.map(Number);
    case "floats":
      return [...attribute.floats];
    case "strings":
      return attribute.strings.map((bytes) => decoder.decode(bytes));
    case "tensor":
      return attribute.t && readAttribute(file.tensorData(attribute.t, what));
    default:
      return undefined;
  }
}

/** The value of a tensor in an attribute, which only operators with small tensors have. */
function readAttribute(data: TensorData): Value {
  return hostConstant(data) ?? data.tensor();
}

/** The attributes of a node, read once. */
export class Attributes implements AttributeReader {
  readonly #node: string;
  readonly #entries = new Map<string, { kind: Kind; value: unknown }>();

  /** @param node how errors call the node */
  constructor(node: string, attributes: readonly AttributeProto[], file: ModelFile) {
    this.#node = node;
    for (const attribute of attributes) {
      const isReadable = !attribute.t || refuseElementType(attribute.t.dataType) === null;
      const kind = isReadable ? kindOf(attribute) : "other";
      const what = `${node}: attribute ${JSON.stringify(attribute.name)}`;
      this.#entries.set(attribute.name, { kind, value: contents(attribute, kind, what, file) });
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Names of attributes of kinds that no operator reads, such as sparse tensors. */
  get unreadable(): string[] {
    return [...this.#entries].flatMap(([name, { kind }]) => (kind === "other" ? [name] : []));
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  int(name: string, fallback: number): number {
    return this.#get<number>(name, "int") ?? fallback;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#get<number>(name, "int");
    return value === undefined ? fallback : value !== 0;
  }

  float(name: string, fallback: number): number {
    const kind = this.#entries.get(name)?.kind;
    return this.#get<number>(name, kind === "int" ? "int" : "float") ?? fallback;
  }

  string(name: string, fallback: string): string {
    return this.#get<string>(name, "string") ?? fallback;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#get<number[]>(name, "ints");
  }

  floats(name: string): readonly number[] | undefined {
    return this.#get<number[]>(name, "floats");
  }

  strings(name: string): readonly string[] | undefined {
    return this.#get<string[]>(name, "strings");
  }

  value(name: string): Value | undefined {
    return this.#get<Value>(name, "tensor");
  }

  #get<T>(name: string, kind: Kind): T | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    if (entry.kind !== kind) {
      throw new DataError(`${this.#node}: attribute ${name} expected ${kind}, got ${entry.kind}`);
    }
    return entry.value as T;
  }
}
