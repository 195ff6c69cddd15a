import { DataError } from "../../errors.ts";
import { domainOf, functionKey } from "../file/check_model.ts";
import { hostType } from "../file/element_types.ts";
import type { ModelFile } from "../file/read_model.ts";
import { HostValue } from "../host_value.ts";
import type { OperatorTable } from "../operator.ts";
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  TensorProto,
} from "../schema/onnx_pb.ts";
import { Attributes } from "./attributes.ts";
import { constantOf } from "./constant_node.ts";
import { hostConstant, typeOfHost } from "./constants.ts";
import { type ConstantSource, type Graph, GraphNode, OMITTED, type Program } from "./graph.ts";
import { replaceLists } from "./lists.ts";

/** Slots of the names that are known in a graph, which sees those of the graph around it. */
class Names {
  readonly #own = new Map<string, number>();
  readonly #around: Names | null;

  constructor(around: Names | null = null) {
    this.#around = around;
  }

  set(name: string, slot: number): void {
    this.#own.set(name, slot);
  }

  /** @throws DataError for an unknown name. */
  get(name: string, reader: string): number {
    const slot = this.#own.get(name);
    if (slot !== undefined) return slot;
    if (this.#around) return this.#around.get(name, reader);
    throw new DataError(`importOnnx: ${reader} reads "${name}", which nothing before it computes`);
  }
}

/** Where a graph stands: what its names and attributes mean. */
interface Place {
  readonly names: Names;
  /** Versions of the operator sets, by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** What comes before names of this place, so that they differ from those of other places. */
  readonly prefix: string;
  /** The attributes of the node that calls this function. */
  readonly given: ReadonlyMap<string, AttributeProto> | null;
}

function opsetsOf(imports: readonly OperatorSetIdProto[]): Map<string, number> {
  return new Map(imports.map(({ domain, version }) => [domainOf(domain), Number(version)]));
}

/** Builds the graph of a model whose names and order were checked. */
export function buildGraph(file: ModelFile, operators: OperatorTable): Program {
  return new Builder(file, operators).build();
}

/** The constants of a file by slot. */
class ConstantTable {
  sources = new Map<number, ConstantSource>();
  readonly #hostValues = new Map<number, HostValue | undefined>();

  hostValue(slot: number): HostValue | undefined {
    if (!this.#hostValues.has(slot)) {
      const content = this.sources.get(slot)?.content;
      this.#hostValues.set(slot, content ? hostConstant(content) : undefined);
    }
    return this.#hostValues.get(slot);
  }

  /** Knows only what was asked before. */
  forgetFile(): void {
    this.sources = new Map();
  }
}

class Builder {
  readonly #file: ModelFile;
  readonly #model: ModelProto;
  readonly #operators: OperatorTable;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #slots: string[] = [];
  /** How often each name of a slot was asked for. */
  readonly #taken = new Map<string, number>();
  readonly #constants = new ConstantTable();

  constructor(file: ModelFile, operators: OperatorTable) {
    const model = file.proto;
    this.#file = file;
    this.#model = model;
    this.#operators = operators;
    this.#functions = new Map(model.functions.map((f) => [functionKey(f, f.name), f]));
  }

  build(): Program {
    const graph = this.#model.graph;
    if (!graph) throw new DataError("importOnnx: the file has no graph");
    const opsets = opsetsOf(this.#model.opsetImport);
    const place: Place = { names: new Names(), opsets, prefix: "", given: null };
    const constants = this.#constants;
    const built = this.#graph(graph, place);
    return { ...built, slots: this.#slots, constants: constants.sources, forgetFile: () => constants.forgetFile() };
  }

  #graph(proto: GraphProto, place: Place): Graph {
    const { names } = place;
    for (const tensor of proto.initializer) this.#addConstant(place, tensor.name, tensor, true);
    // files before IR version 4 list initializers among the inputs
    const initializers = new Set(proto.initializer.map(({ name }) => name));
    const inputs = proto.input.filter(({ name }) => !initializers.has(name));
    const slots = inputs.map(({ name }) => this.#define(place, name));
    const built = this.#nodesOf(proto.node, place);
    const outputs = proto.output.map(({ name }) => names.get(name, "the graph's output"));
    const nodes = replaceLists(built, outputs, {
      addConstant: (content) =>
        this.#setConstant(place, "list", { content, ...typeOfHost(content), isInitializer: false }),
      change: (node, opType, changed) => this.#make({ ...node, opType, inputs: changed, graphs: new Map() }, []),
    });
    return { inputs: slots, outputs, nodes };
  }

  #nodesOf(protos: readonly NodeProto[], place: Place): GraphNode[] {
    const nodes: GraphNode[] = [];
    for (const proto of protos) {
      const called = this.#functions.get(functionKey(proto, proto.opType));
      if (called) this.#call(called, proto, place, nodes);
      else if (!this.#addAsConstant(proto, place)) nodes.push(this.#node(proto, place));
    }
    return nodes;
  }

  /** Replaces a call by the function's nodes. */
  #call(called: FunctionProto, proto: NodeProto, place: Place, into: GraphNode[]): void {
    const given = new Map(called.attributeProto.map((attribute) => [attribute.name, attribute]));
    for (const attribute of this.#resolve(proto.attribute, place)) given.set(attribute.name, attribute);
    const names = new Names();
    called.input.forEach((name, i) => {
      names.set(name, proto.input[i] ? place.names.get(proto.input[i], nameOf(proto)) : OMITTED);
    });
    const opsets = new Map([...place.opsets, ...opsetsOf(called.opsetImport)]);
    const prefix = `${place.prefix}${nameOf(proto)}/`;
    into.push(...this.#nodesOf(called.node, { names, opsets, prefix, given }));
    called.output.forEach((name, i) => {
      if (proto.output[i]) place.names.set(proto.output[i], names.get(name, `function "${called.name}"`));
    });
  }

  /** A Constant node, or an Identity of a constant (a copy under its own name), becomes a constant. */
  #addAsConstant(proto: NodeProto, place: Place): boolean {
    if (domainOf(proto.domain) !== "" || proto.output.length !== 1) return false;
    if (proto.opType === "Constant") {
      const tensor = constantOf(this.#resolve(proto.attribute, place));
      if (tensor instanceof HostValue)
        this.#setConstant(place, proto.output[0], { content: tensor, ...typeOfHost(tensor), isInitializer: false });
      else if (tensor) this.#addConstant(place, proto.output[0], tensor, false);
      return tensor !== null;
    }
    if (proto.opType !== "Identity" || proto.input.length !== 1) return false;
    const source = this.#constants.sources.get(place.names.get(proto.input[0], nameOf(proto)));
    if (source) this.#setConstant(place, proto.output[0], source);
    return source !== undefined;
  }

  #node(proto: NodeProto, place: Place): GraphNode {
    const name = place.prefix + nameOf(proto);
    const domain = domainOf(proto.domain);
    const inputs = proto.input.map((input) => (input === "" ? OMITTED : place.names.get(input, name)));
    const resolved = this.#resolve(proto.attribute, place);
    const graphs = new Map<string, Graph>();
    for (const { name: attribute, g } of resolved) {
      if (!g) continue;
      const prefix = `${name}.${attribute}.`;
      graphs.set(attribute, this.#graph(g, { ...place, names: new Names(place.names), prefix }));
    }
    const outputs = proto.output.map((output) => (output === "" ? OMITTED : this.#define(place, output)));
    const opset = place.opsets.get(domain) ?? 1;
    return this.#make({ domain, opType: proto.opType, name, opset, inputs, outputs, graphs }, resolved);
  }

  #make(
    fields: Pick<GraphNode, "domain" | "opType" | "name" | "opset" | "inputs" | "outputs" | "graphs">,
    attributes: readonly AttributeProto[],
  ): GraphNode {
    const { domain, opType, name } = fields;
    const operator = domain === "" && Object.hasOwn(this.#operators, opType) ? this.#operators[opType] : undefined;
    const read = new Attributes(`${opType} "${name}"`, attributes, this.#file);
    const constants = this.#constants; // not `this`: nodes outlive the file
    return new GraphNode({ ...fields, attributes: read, operator }, (slot) => constants.hostValue(slot));
  }

  /** Attributes of a node in a function may stand for those of the node that calls the function. */
  #resolve(attributes: readonly AttributeProto[], { given }: Place): AttributeProto[] {
    return attributes.flatMap((attribute) => {
      if (attribute.refAttrName === "") return [attribute];
      const value = given?.get(attribute.refAttrName);
      return value ? [{ ...value, name: attribute.name }] : [];
    });
  }

  #addConstant(place: Place, name: string, proto: TensorProto, isInitializer: boolean): void {
    const { dataType } = proto;
    const data = hostType(dataType) ? this.#file.tensorData(proto, `tensor ${JSON.stringify(name)}`) : null;
    this.#setConstant(place, name, {
      content: data,
      dims: data?.dims ?? [],
      dataType,
      isInitializer,
      note: proto.docString,
    });
  }

  #setConstant(place: Place, name: string, source: Omit<ConstantSource, "name">): number {
    const slot = this.#define(place, name);
    this.#constants.sources.set(slot, { ...source, name: this.#slots[slot] });
    return slot;
  }

  /** A new slot for a name. Its own name is the same if it is free, or else begins with the place. */
  #define(place: Place, name: string): number {
    const path = place.given || this.#taken.has(name) ? place.prefix + name : name;
    const times = this.#taken.get(path) ?? 0;
    this.#taken.set(path, times + 1);
    this.#slots.push(times === 0 ? path : `${path}#${times}`);
    place.names.set(name, this.#slots.length - 1);
    return this.#slots.length - 1;
  }
}

/** The node's name or, if it has none, the name of its first output. */
function nameOf(proto: NodeProto): string {
  return proto.name || proto.output.find((name) => name !== "") || proto.opType;
}
