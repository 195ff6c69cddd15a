import type { Tensor } from "../tensor/tensor.ts";
import type { HostValue, Value } from "./host_value.ts";

/**
 * The attributes of a node. Each method returns the default if the node lacks the attribute, and throws a
 * DataError that names node and attribute if it has another type. Integers are exact up to 2^53.
 */
export interface AttributeReader {
  has(name: string): boolean;
  int(name: string, fallback: number): number;
  /** True for an int other than 0. */
  flag(name: string, fallback: boolean): boolean;
  float(name: string, fallback: number): number;
  string(name: string, fallback: string): string;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  strings(name: string): readonly string[] | undefined;
  /** The value of a tensor attribute. */
  value(name: string): Value | undefined;
}

/** What is known of a node before anything runs: for checks. */
export interface NodeView {
  readonly opType: string;
  /** The node's name or, if it has none, the name of its first output. */
  readonly name: string;
  /** Version of the operator set that the file uses for this node's domain. */
  readonly opset: number;
  readonly attributes: AttributeReader;
  /** Whether the node has input `i` (an optional input may have an empty name). */
  hasInput(i: number): boolean;
  /** The value of input `i` if the file contains it (an initializer or a Constant), or else undefined. */
  constantInput(i: number): HostValue | undefined;
  hasOutput(i: number): boolean;
}

/** One evaluation of a node. */
export interface Call extends NodeView {
  /** All inputs; undefined for omitted ones. */
  readonly inputs: readonly (Value | undefined)[];
  /** Number of outputs, including omitted ones before the last. */
  readonly outputCount: number;
  /** The module's `training`. */
  readonly training: boolean;
  /** Whether the file contains input `i`: it is a weight, a buffer or a constant. */
  isStored(i: number): boolean;
  /** Input `i` as a tensor. @throws DataError if the node lacks it. */
  tensor(i: number): Tensor;
  /** Input `i` as a float32 tensor. */
  float(i: number): Tensor;
  optionalTensor(i: number): Tensor | null;
  /** Input `i` on the host. @throws DataError if the node lacks it or if it is too large. */
  host(i: number): HostValue;
  /** The elements of input `i` as integers, or undefined if the node lacks the input. */
  optionalInts(i: number): readonly number[] | undefined;
  ints(i: number): readonly number[];
  /** Input `i`, which has one element, as a number. */
  number(i: number): number;
  /** Runs the graph in an attribute, which sees the values of this one. Returns its outputs. */
  runGraph(attribute: string): Value[];
}

/** How an operator of ONNX is computed. */
export interface Operator {
  /** The attributes that `run` reads. A node with another attribute is refused before anything runs. */
  readonly attributes?: readonly string[];
  /**
   * Inputs that are weights: in a file, constants there become parameters. "all": whatever their number of
   * elements. "vectors": only if they have more than one element (scalars are constants of the formula, such
   * as eps).
   */
  readonly weights?: { readonly all?: readonly number[]; readonly vectors?: readonly number[] };
  /** Inputs that are buffers: running statistics, which training updates but the optimizer does not. */
  readonly buffers?: readonly number[];
  /**
   * Why a node cannot be computed, for example "mode cubic", or null. Looks at attributes and constants only.
   */
  readonly refuse?: (node: NodeView) => string | null;
  /** Computes the outputs. */
  readonly run: (call: Call) => Value | (Value | undefined)[];
}

/** Operators of ONNX's own domain by name. */
export type OperatorTable = Readonly<Record<string, Operator>>;
