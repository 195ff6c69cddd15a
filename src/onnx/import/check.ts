import { DataError, WasmgradError } from "../../errors.ts";
import { domainOf } from "../file/check_model.ts";
import { hostType, isQuantisedOperator, QUANTISED, typeName } from "../file/element_types.ts";
import type { ModelProto, ValueInfoProto } from "../schema/onnx_pb.ts";
import { allNodes, type GraphNode, type Program } from "./graph.ts";

/** Versions of ONNX's own operator set that are read. */
export const OLDEST_OPSET = 7;
export const NEWEST_OPSET = 28;

/** Things of one kind that cannot be computed, with the number of nodes and the first one. */
class Findings {
  readonly #found = new Map<string, { count: number; first: string }>();

  add(what: string, where: string): void {
    const known = this.#found.get(what);
    if (known) known.count++;
    else this.#found.set(what, { count: 1, first: where });
  }

  get texts(): string[] {
    return [...this.#found].map(([what, { count, first }]) => `${what} (${count}, first ${first})`);
  }
}

/**
 * Checks that everything in a model can be computed.
 *
 * @param file the file's name, for errors
 * @throws DataError that lists every operator, attribute and dtype that is not supported.
 */
export function checkSupport(file: string, model: ModelProto, program: Program): void {
  const operators = new Findings();
  const attributes = new Findings();
  const nodes = new Findings();
  const dtypes = new Findings();
  const quantised = new Findings();
  for (const node of allNodes(program)) {
    const { operator } = node;
    if (isQuantisedOperator(node.opType)) quantised.add(fullName(node), quote(node.name));
    else if (!operator) operators.add(fullName(node), quote(node.name));
    else {
      for (const name of unknownAttributes(node)) attributes.add(`${node.opType}.${name}`, quote(node.name));
      const reason = refusal(node);
      if (reason !== null) nodes.add(`${node.opType}: ${reason}`, quote(node.name));
    }
  }
  for (const { dataType, name } of program.constants.values()) {
    if (!hostType(dataType)) dtypes.add(typeName(dataType), quote(name));
  }
  const inputs = new Set(program.inputs.map((slot) => program.slots[slot]));
  for (const input of model.graph?.input ?? []) {
    if (!inputs.has(input.name)) continue;
    const type = unsupportedInput(input);
    if (type) dtypes.add(type, `input ${quote(input.name)}`);
  }
  for (const { values } of model.graph?.sparseInitializer ?? []) dtypes.add("sparse", quote(values?.name ?? ""));
  const list = (kind: string, { texts }: Findings) => (texts.length > 0 ? [`${kind}: ${texts.join(", ")}`] : []);
  const problems = [
    ...opsetProblems(model),
    ...list(QUANTISED, quantised),
    ...list("operators", operators),
    ...list("attributes", attributes),
    ...list("forms of operators", nodes),
    ...list("dtypes", dtypes),
  ];
  if (problems.length > 0) {
    const where = file === "importOnnx" ? file : `importOnnx: ${file}`; // bytes have no name of a file
    throw new DataError(`${where}: this model is not supported\n  ${problems.join("\n  ")}`);
  }
}

function opsetProblems(model: ModelProto): string[] {
  return model.opsetImport.flatMap(({ domain, version }) => {
    const supported = version >= OLDEST_OPSET && version <= NEWEST_OPSET;
    if (domainOf(domain) !== "" || supported) return [];
    return [`opset: expected ${OLDEST_OPSET} to ${NEWEST_OPSET}, got ${version}`];
  });
}

function fullName({ domain, opType }: GraphNode): string {
  return domain === "" ? opType : `${domain}::${opType}`;
}

function unknownAttributes({ attributes, operator, graphs }: GraphNode): string[] {
  const known = operator?.attributes ?? [];
  return attributes.names.filter((name) => !known.includes(name) && !graphs.has(name)).concat(attributes.unreadable);
}

function refusal(node: GraphNode): string | null {
  try {
    return node.operator?.refuse?.(node) ?? null;
  } catch (error) {
    if (!(error instanceof WasmgradError)) throw error;
    return error.message;
  }
}

function unsupportedInput({ type }: ValueInfoProto): string | null {
  if (!type || type.value.case === undefined) return null;
  if (type.value.case !== "tensorType") return type.value.case.replace("Type", "");
  const { elemType } = type.value.value;
  return hostType(elemType) ? null : typeName(elemType);
}

function quote(name: string): string {
  return JSON.stringify(name);
}
