import type { TensorData } from "../file/tensor_data.ts";
import type { HostValue } from "../host_value.ts";
import type { NodeView, Operator } from "../operator.ts";
import type { Attributes } from "./attributes.ts";

/**
 * A model's graph with numbers in place of names. Each name, also of the graphs in attributes and of
 * functions, has its own slot. Functions are replaced by their nodes, Constant nodes and Identities of
 * constants by constants.
 */
export interface Program extends Graph {
  /** The name of each slot. */
  readonly slots: readonly string[];
  /** Constants of the file by slot: initializers and Constant nodes. */
  readonly constants: ReadonlyMap<number, ConstantSource>;
  /** Forgets the bytes of the file: `constantInput` knows only what it was asked before. */
  readonly forgetFile: () => void;
}

/** A graph, or a graph in an attribute of a node. */
export interface Graph {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly nodes: readonly GraphNode[];
}

/** A tensor that a file contains. */
export interface ConstantSource {
  /** Its name in the state dict, if it is a weight. */
  readonly name: string;
  /**
   * The tensor in the file, the value of a Constant node that has numbers in its attributes, or null if
   * elements of its type are not supported.
   */
  readonly content: TensorData | HostValue | null;
  /** ONNX's number of the element type. */
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly isInitializer: boolean;
  /** What the file says of it: files of `exportOnnx` name its role. */
  readonly note?: string;
}

/** The slot of an input or output that a node omits. */
export const OMITTED = -1;

/** A node whose inputs and outputs are slots. */
export class GraphNode implements NodeView {
  readonly domain: string;
  readonly opType: string;
  readonly name: string;
  readonly opset: number;
  readonly attributes: Attributes;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Graphs in attributes, by the attribute's name. */
  readonly graphs: ReadonlyMap<string, Graph>;
  /** Undefined if no operator has the node's name. */
  readonly operator: Operator | undefined;
  readonly #constant: (slot: number) => HostValue | undefined;

  constructor(
    fields: Pick<
      GraphNode,
      "domain" | "opType" | "name" | "opset" | "attributes" | "inputs" | "outputs" | "graphs" | "operator"
    >,
    constant: (slot: number) => HostValue | undefined,
  ) {
    this.domain = fields.domain;
    this.opType = fields.opType;
    this.name = fields.name;
    this.opset = fields.opset;
    this.attributes = fields.attributes;
    this.inputs = fields.inputs;
    this.outputs = fields.outputs;
    this.graphs = fields.graphs;
    this.operator = fields.operator;
    this.#constant = constant;
  }

  hasInput(i: number): boolean {
    return (this.inputs[i] ?? OMITTED) !== OMITTED;
  }

  hasOutput(i: number): boolean {
    return (this.outputs[i] ?? OMITTED) !== OMITTED;
  }

  constantInput(i: number): HostValue | undefined {
    return this.hasInput(i) ? this.#constant(this.inputs[i]) : undefined;
  }
}

/** All nodes of a graph, also of the graphs in their attributes, in the order of the file. */
export function* allNodes(graph: Graph): Generator<GraphNode> {
  for (const node of graph.nodes) {
    yield node;
    for (const inner of node.graphs.values()) yield* allNodes(inner);
  }
}
