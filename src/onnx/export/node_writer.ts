import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { OptionError } from "../../errors.ts";
import { type DType, sizeOf } from "../../ops/core/array.ts";
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "../schema/onnx_pb.ts";
import type { GraphValue } from "./graph.ts";
import { areSameLengths, isFixed, type Length, type Lengths } from "./length.ts";

/** Element types of tensors in the file. */
export type FileType = "float32" | "int32" | "bool" | "int64";

export const DATA_TYPES = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  bool: DataType.BOOL,
  int64: DataType.INT64,
} as const satisfies Record<FileType, DataType>;

/** An attribute: a number is an int, `{ float }` a float, an array of numbers ints, a text a string. */
export type NodeAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly strings: readonly string[] }
  /** A float tensor of one element. */
  | { readonly element: number };

type NodeAttributes = Readonly<Record<string, NodeAttribute | undefined>>;

const LARGEST_INDEX = 2 ** 31 - 1;

/** Writes nodes and initializers of a graph. All methods return names of values. */
export class NodeWriter {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly opset: number;
  /** The module whose operation is being written: names of its nodes start with it. */
  path = "";
  readonly #names = new Set<string>();
  readonly #values = new Map<GraphValue, string>();
  readonly #constants = new Map<string, string>();
  readonly #batch: { readonly input: string; readonly dim: number } | null;
  #batchName: string | undefined;

  /** @param batch the input and dimension that have the size of the batch, or null if it is fixed */
  constructor(opset: number, batch: { input: string; dim: number } | null) {
    this.opset = opset;
    this.#batch = batch;
  }

  /** A name that nothing in the graph has yet. */
  claim(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#names.has(name); i++) name = `${wanted}_${i}`;
    this.#names.add(name);
    return name;
  }

  /** Gives a value its name. */
  set(value: GraphValue, name: string): void {
    this.#values.set(value, name);
  }

  /** The name of a value. A parameter, buffer or constant becomes an initializer when it is first used. */
  nameOf(value: GraphValue): string {
    const known = this.#values.get(value);
    if (known !== undefined) return known;
    const { source, dtype, shape } = value;
    let name: string;
    if (source.kind === "state") {
      name = this.#write(source.name, source.array.shape, dtype, bytesOf(source.array.view(), dtype), source.use);
    } else if (source.kind === "constant") {
      name = this.constant(source.data, source.shape, dtype);
      if (!shape.every(isFixed)) name = this.node("Expand", [name, this.lengths(shape)]);
    } else throw new OptionError(`exportOnnx: a value of kind ${source.kind} has no name`);
    this.#values.set(value, name);
    return name;
  }

  /** A node with one output. */
  node(opType: string, inputs: readonly string[], attributes: NodeAttributes = {}): string {
    return this.nodeOf(opType, inputs, attributes, 1)[0];
  }

  /** A node with several outputs; those that are not wanted are null. */
  nodeOf(opType: string, inputs: readonly string[], attributes: NodeAttributes, outputs: number): string[] {
    const name = this.claim(this.path === "" ? opType : `${this.path}/${opType}`);
    const output = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : this.claim(`${name}:${i}`)));
    const input = [...inputs];
    while (input.at(-1) === "") input.pop();
    const attribute = Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [{ name: key, ...attributeOf(value) }],
    );
    this.nodes.push(create(NodeProtoSchema, { name, opType, input, output, attribute } as never));
    return output;
  }

  /** An initializer with these elements. Equal ones are written once. */
  constant(data: ArrayLike<number>, shape: readonly number[], type: FileType): string {
    const size = sizeOf(shape);
    const bytes = bytesOf(data, type);
    const key = size > 64 ? null : `${type} [${shape}] ${Array.from(bytes)}`;
    const known = key === null ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.#write("constant", shape, type, bytes, "constant");
    if (key !== null) this.#constants.set(key, name);
    return name;
  }

  /** A constant without dimensions. */
  scalar(value: number, type: FileType = "float32"): string {
    return this.constant([value], [], type);
  }

  /** A vector of int64: a constant, or computed from the size of the batch. */
  lengths(lengths: Lengths): string {
    if (lengths.every(isFixed)) return this.constant(lengths as number[], [lengths.length], "int64");
    const parts: string[] = [];
    for (let i = 0; i < lengths.length; i++) {
      const fixed: number[] = [];
      while (i < lengths.length && isFixed(lengths[i])) fixed.push(lengths[i++] as number);
      if (fixed.length > 0) parts.push(this.constant(fixed, [fixed.length], "int64"));
      if (i < lengths.length) parts.push(this.#length(lengths[i]));
    }
    return parts.length === 1 ? parts[0] : this.node("Concat", parts, { axis: 0 });
  }

  /** A number that may depend on the batch, without dimensions. */
  number(value: Length, type: DType): string {
    if (isFixed(value)) return this.scalar(value, type);
    return this.cast(this.node("Squeeze", [this.#length(value)]), "int64", type);
  }

  #length(length: Length): string {
    if (isFixed(length)) return this.constant([length], [1], "int64");
    const { factor, offset } = length;
    let name = this.#batchLength();
    if (factor !== 1) name = this.node("Mul", [name, this.constant([factor], [1], "int64")]);
    return offset === 0 ? name : this.node("Add", [name, this.constant([offset], [1], "int64")]);
  }

  #batchLength(): string {
    if (this.#batchName !== undefined) return this.#batchName;
    if (!this.#batch) throw new OptionError("exportOnnx: a length depends on the batch, but no input does");
    const { path } = this;
    this.path = "";
    const shape = this.node("Shape", [this.#batch.input]);
    this.#batchName = this.node("Gather", [shape, this.constant([this.#batch.dim], [1], "int64")], { axis: 0 });
    this.path = path;
    return this.#batchName;
  }

  cast(x: string, from: FileType, to: FileType): string {
    return from === to ? x : this.node("Cast", [x], { to: DATA_TYPES[to] });
  }

  /** A tensor of one float: not an initializer, which an importer may take for a weight. */
  filled(value: number, shape: readonly number[]): string {
    return this.node("ConstantOfShape", [this.lengths(shape)], { value: { element: value } });
  }

  /** x with another shape of the same size. */
  reshape(x: string, from: Lengths, to: Lengths): string {
    if (areSameLengths(from, to)) return x;
    const dynamic = to.filter((length) => !isFixed(length)).length;
    // with one unknown length, the others tell it (unless there are no elements)
    const wanted = dynamic === 1 && !to.includes(0) ? to.map((length) => (isFixed(length) ? length : -1)) : to;
    // a 0 in the shape would mean the length of the input
    return this.node("Reshape", [x, this.lengths(wanted)], to.includes(0) ? { allowzero: 1 } : {});
  }

  expand(x: string, to: Lengths): string {
    return this.node("Expand", [x, this.lengths(to)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return perm.every((d, i) => d === i) ? x : this.node("Transpose", [x], { perm });
  }

  /** `x[:, start:end:step]` for several dimensions. */
  slice(x: string, axes: readonly number[], starts: Lengths, ends: Lengths, steps?: readonly number[]): string {
    if (axes.length === 0) return x;
    const list = [this.lengths(starts), this.lengths(ends), this.lengths(axes)];
    if (steps?.some((step) => step !== 1)) list.push(this.lengths(steps));
    return this.node("Slice", [x, ...list]);
  }

  /** Position `index` of a dimension, which goes away. */
  pick(x: string, axis: number, index: number): string {
    return this.node("Gather", [x, this.scalar(index, "int64")], { axis });
  }

  squeeze(x: string, axes: readonly number[]): string {
    return axes.length === 0 ? x : this.node("Squeeze", [x, this.lengths(axes)]);
  }

  unsqueeze(x: string, axes: readonly number[]): string {
    return axes.length === 0 ? x : this.node("Unsqueeze", [x, this.lengths(axes)]);
  }

  /** A reduction over dimensions; before opset 18, all but ReduceSum take them as an attribute. */
  reduce(opType: string, x: string, axes: readonly number[], keepdims: boolean): string {
    if (axes.length === 0) return x;
    const asInput = opType === "ReduceSum" || this.opset >= 18;
    const flag = { keepdims: Number(keepdims) };
    if (asInput) return this.node(opType, [x, this.lengths(axes)], flag);
    return this.node(opType, [x], { axes, ...flag });
  }

  /** Removes nodes and initializers from which no output follows. */
  dropUnused(outputs: readonly string[]): void {
    const wanted = new Set(outputs);
    const used = [...this.nodes].reverse().filter((node) => {
      if (!node.output.some((name) => wanted.has(name))) return false;
      for (const name of node.input) wanted.add(name);
      return true;
    });
    this.nodes.splice(0, this.nodes.length, ...used.reverse());
    const kept = this.initializers.filter(({ name }) => wanted.has(name));
    this.initializers.splice(0, this.initializers.length, ...kept);
  }

  /** Gives results of nodes the names of the outputs. Other values are copied to these names. */
  nameOutputs(names: readonly string[], wanted: readonly string[]): void {
    const made = new Set(this.nodes.flatMap(({ output }) => output));
    names.forEach((name, i) => {
      if (made.has(name) && names.indexOf(name) === i) {
        const rename = (list: string[]) =>
          list.forEach((other, k) => {
            if (other === name) list[k] = wanted[i];
          });
        for (const { input, output } of this.nodes) [input, output].forEach(rename);
      } else {
        const from = made.has(name) ? wanted[names.indexOf(name)] : name;
        const node = { name: this.claim("Identity"), opType: "Identity", input: [from], output: [wanted[i]] };
        this.nodes.push(create(NodeProtoSchema, node as never));
      }
    });
  }

  /** @param docString what the tensor is, so that `importOnnx` makes it the same again */
  #write(wanted: string, shape: readonly number[], type: FileType, rawData: Uint8Array, docString: string): string {
    const name = this.claim(wanted);
    const dims = shape.map(BigInt);
    const proto = { name, dims, dataType: DATA_TYPES[type], rawData, docString };
    this.initializers.push(create(TensorProtoSchema, proto as never));
    return name;
  }
}

/** The end of a slice that goes to the end of its dimension. */
export const TO_END = LARGEST_INDEX;
/** The end of a backward slice that goes to the first position. */
export const TO_START = -LARGEST_INDEX;

/** A copy of elements as little-endian bytes. Every machine that runs WebAssembly is little-endian. */
function bytesOf(data: ArrayLike<number>, type: FileType): Uint8Array {
  if (type === "bool") return Uint8Array.from(data);
  if (type === "int64") return new Uint8Array(BigInt64Array.from(Array.from(data), BigInt).buffer);
  const array = type === "float32" ? Float32Array.from(data) : Int32Array.from(data);
  return new Uint8Array(array.buffer);
}

function attributeOf(value: NodeAttribute): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === "number") return { type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === "string") return { type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ("element" in value) {
    const rawData = bytesOf([value.element], "float32");
    return { type: AttributeType.TENSOR, t: { dims: [1n], dataType: DATA_TYPES.float32, rawData } };
  }
  if ("strings" in value) {
    return { type: AttributeType.STRINGS, strings: value.strings.map((text) => new TextEncoder().encode(text)) };
  }
  if ("float" in value) return { type: AttributeType.FLOAT, f: value.float };
  return { type: AttributeType.INTS, ints: value.map(BigInt) };
}
