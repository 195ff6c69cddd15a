import { DataError } from "../../errors.ts";
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from "../schema/onnx_pb.ts";
import { explainUndefined, nameNode } from "./node_order.ts";

/** Most nodes of a model, also when each call of a function is replaced by the nodes of the function. */
export const MAX_NODES = 200_000;

/** Most levels of graphs in attributes of nodes, and of functions that call functions. */
export const MAX_NESTING = 32;

/** ONNX's own domain has two names. */
export function domainOf(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

/** The name under which nodes call a function. */
export function functionKey({ domain, overload }: NodeProto | FunctionProto, name: string): string {
  return JSON.stringify([domainOf(domain), name, overload]);
}

/**
 * Checks the graphs of a model: that names are unique and known where they are used, that nodes come in an
 * order in which they can be computed, and that there are not too many. The work is linear in the size of the
 * model. What operators mean is not checked, nor tensors (see `TensorData`).
 *
 * A graph in an attribute may use names of the graph around it, and may use such a name again for something
 * else.
 *
 * @param file the file's name, for errors
 * @throws DataError that names the node.
 */
export function checkModel(file: string, model: ModelProto): void {
  if (!model.graph) throw new DataError(`${file}: a model without a graph`);
  const checker = new Checker(file);
  checker.graph(model.graph, null, 0, false);
  for (const called of model.functions) checker.function(called);
  checkCalls(file, model);
}

/** The names that are known at a place, with those of the graphs around it. */
class Names {
  readonly #own = new Set<string>();
  readonly #around: Names | null;

  constructor(around: Names | null) {
    this.#around = around;
  }

  /** Returns whether the name is new in this graph. */
  add(name: string): boolean {
    const size = this.#own.size;
    return this.#own.add(name).size > size;
  }

  has(name: string): boolean {
    return this.#own.has(name) || (this.#around?.has(name) ?? false);
  }
}

class Checker {
  readonly #file: string;
  #nodes = 0;

  constructor(file: string) {
    this.#file = file;
  }

  graph(graph: GraphProto, around: Names | null, depth: number, inFunction: boolean): void {
    if (depth > MAX_NESTING) throw this.#error(`graphs are nested deeper than ${MAX_NESTING}`);
    const names = new Names(around);
    const where = `graph ${JSON.stringify(graph.name)}`;
    const add = (kind: string, name: string) => {
      if (name === "") throw this.#error(`${where}: an ${kind} without a name`);
      if (!names.add(name)) throw this.#error(`${where}: two values are called ${JSON.stringify(name)}`);
    };
    for (const { name } of graph.input) add("input", name);
    // files before version 4 of the format list initializers among the inputs too
    const inputs = new Set(graph.input.map(({ name }) => name));
    const initializers = new Set<string>();
    const sparse = graph.sparseInitializer.map(({ values }) => values?.name ?? "");
    for (const name of [...graph.initializer.map((tensor) => tensor.name), ...sparse]) {
      if (initializers.has(name) || !inputs.has(name)) add("initializer", name);
      initializers.add(name);
    }
    this.#checkNodes(where, graph.node, names, depth, inFunction);
    for (const { name } of graph.output) {
      if (!names.has(name)) throw this.#error(`${where}: nothing computes its output ${JSON.stringify(name)}`);
    }
  }

  function(called: FunctionProto): void {
    const where = `function ${JSON.stringify(called.name)}`;
    const names = new Names(null);
    for (const name of called.input) {
      if (!names.add(name)) throw this.#error(`${where}: two inputs are called ${JSON.stringify(name)}`);
    }
    this.#checkNodes(where, called.node, names, 0, true);
    for (const name of called.output) {
      if (!names.has(name)) throw this.#error(`${where}: nothing computes its output ${JSON.stringify(name)}`);
    }
  }

  #checkNodes(where: string, nodes: readonly NodeProto[], names: Names, depth: number, inFunction: boolean): void {
    this.#nodes += nodes.length;
    if (this.#nodes > MAX_NODES) throw this.#error(`more than ${MAX_NODES} nodes`);
    for (const [i, node] of nodes.entries()) {
      if (node.opType === "") throw this.#error(`${where}: ${nameNode(node)} has no operator`);
      for (const name of node.input) {
        // an empty name is an input that is left out
        if (name !== "" && !names.has(name)) throw this.#error(`${where}: ${explainUndefined(nodes, i, name)}`);
      }
      this.#checkAttributes(where, node, names, depth, inFunction);
      for (const name of node.output) {
        if (name === "" || names.add(name)) continue;
        throw this.#error(`${where}: ${nameNode(node)}: two values are called ${JSON.stringify(name)}`);
      }
    }
  }

  #checkAttributes(where: string, node: NodeProto, names: Names, depth: number, inFunction: boolean): void {
    const found = new Set<string>();
    for (const { name, refAttrName, g, graphs } of node.attribute) {
      const what = () => `${where}: ${nameNode(node)}: attribute ${JSON.stringify(name)}`;
      if (found.has(name)) throw this.#error(`${what()} is given twice`);
      found.add(name);
      if (refAttrName && !inFunction) throw this.#error(`${what()} refers to one of a function, outside of functions`);
      for (const graph of g ? [g, ...graphs] : graphs) this.graph(graph, names, depth + 1, inFunction);
    }
  }

  #error(message: string): DataError {
    return new DataError(`${this.#file}: ${message}`);
  }
}

/** A function with the number of nodes and the levels that it stands for. */
interface Size {
  nodes: number;
  levels: number;
}

/** Checks that no function calls itself, and that the calls do not stand for too many nodes. */
function checkCalls(file: string, { graph, functions }: ModelProto): void {
  const byKey = new Map<string, FunctionProto>();
  for (const called of functions) {
    const key = functionKey(called, called.name);
    if (byKey.has(key)) throw new DataError(`${file}: two functions are called ${JSON.stringify(called.name)}`);
    byKey.set(key, called);
  }
  const sizes = new Map<string, Size | "open">();
  let levelsAbove = 0;
  const sizeOf = (nodes: readonly NodeProto[]): Size => {
    const total = { nodes: 0, levels: 0 };
    eachNode(nodes, (node) => {
      const key = functionKey(node, node.opType);
      const called = byKey.get(key);
      const size = called ? sizeOfFunction(key, called) : { nodes: 1, levels: 0 };
      total.nodes += size.nodes;
      total.levels = Math.max(total.levels, size.levels);
      if (total.nodes > MAX_NODES)
        throw new DataError(`${file}: calls of functions stand for more than ${MAX_NODES} nodes`);
    });
    return total;
  };
  const sizeOfFunction = (key: string, called: FunctionProto): Size => {
    const known = sizes.get(key);
    const name = JSON.stringify(called.name);
    if (known === "open") throw new DataError(`${file}: function ${name} calls itself`);
    if (known) return known;
    sizes.set(key, "open");
    levelsAbove++;
    const tooDeep = () => new DataError(`${file}: functions call each other over more than ${MAX_NESTING} levels`);
    if (levelsAbove > MAX_NESTING) throw tooDeep();
    const { nodes, levels } = sizeOf(called.node);
    levelsAbove--;
    const size = { nodes, levels: levels + 1 };
    if (size.levels > MAX_NESTING) throw tooDeep();
    sizes.set(key, size);
    return size;
  };
  for (const called of functions) sizeOfFunction(functionKey(called, called.name), called);
  sizeOf(graph?.node ?? []);
}

/** Calls `visit` with each node, also of graphs in attributes. */
export function eachNode(nodes: readonly NodeProto[], visit: (node: NodeProto) => void): void {
  const inner = ({ g, graphs }: AttributeProto) => {
    for (const graph of g ? [g, ...graphs] : graphs) eachNode(graph.node, visit);
  };
  for (const node of nodes) {
    visit(node);
    node.attribute.forEach(inner);
  }
}
