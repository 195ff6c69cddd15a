import { isFloatType } from "../file/element_types.ts";
import { HostValue, MAX_HOST_ELEMENTS, sizeOf } from "../host_value.ts";
import { findDependences } from "./dependence.ts";
import { allNodes, type ConstantSource, type Graph, type GraphNode, OMITTED, type Program } from "./graph.ts";
import { When } from "./plan.ts";

/** What a constant of a file is to the module. */
export type Role = "parameter" | "buffer" | "constant";

const ALL = "all";
/**
 * Operators between a weight and the node that uses it: exporters rearrange, convert and normalise weights.
 * The numbers are the inputs through which a weight passes.
 */
const PASSES: Readonly<Record<string, readonly number[] | typeof ALL>> = {
  Abs: [0],
  Add: ALL,
  BatchNormalization: [0],
  Cast: [0],
  Clip: [0],
  Concat: ALL,
  Conv: [0],
  Div: ALL,
  Elu: [0],
  Erf: [0],
  Exp: [0],
  Expand: [0],
  Flatten: [0],
  Gather: [0],
  GatherElements: [0],
  GatherND: [0],
  Gelu: [0],
  Gemm: ALL,
  HardSwish: [0],
  Identity: [0],
  InstanceNormalization: [0],
  LayerNormalization: [0],
  LeakyRelu: [0],
  LpNormalization: [0],
  MatMul: ALL,
  Mul: ALL,
  Neg: [0],
  Pad: [0],
  Pow: [0],
  Reciprocal: [0],
  ReduceL2: [0],
  ReduceMax: [0],
  ReduceMean: [0],
  ReduceSum: [0],
  ReduceSumSquare: [0],
  Relu: [0],
  Reshape: [0],
  ScatterElements: [0, 2],
  ScatterND: [0, 2],
  Sigmoid: [0],
  Slice: [0],
  Softmax: [0],
  Softplus: [0],
  Split: [0],
  Sqrt: [0],
  Squeeze: [0],
  Sub: ALL,
  Sum: ALL,
  Tanh: [0],
  Tile: [0],
  Transpose: [0],
  Trilu: [0],
  Unsqueeze: [0],
  Where: [1, 2],
};

/** A key of a state dict of PyTorch: names of modules and of a parameter. */
const STATE_KEY = /^\w+(\.\w+)+$/;

const FORMULAS = new Set(["Add", "Div", "Mul", "Pow", "Sub", "Sum"]);
const PLAIN_NORMS = new Set(["BatchNormalization", "InstanceNormalization"]);

/** Numbers of this size stand for infinity, in masks. No weight is so large. */
const LARGEST_WEIGHT = 1e30;

/**
 * The role of each constant that is not just a constant. It follows from how nodes use the constant: weights
 * of convolutions are parameters, running statistics are buffers, and what only scales, pads or bounds is
 * neither. Scalars are weights only if their names say so, which those of PyTorch's exports do: it writes the
 * constants of a formula under other names. Files of `exportOnnx` say what each tensor is.
 */
export function findRoles(program: Program, producer = ""): Map<number, Role> {
  const finder = new RoleFinder(program, producer === "pytorch");
  const roles = new Map<number, Role>();
  const isOwn = producer === "wasmgrad";
  for (const [slot, source] of program.constants) {
    if (!isFloatType(source.dataType)) continue;
    const role = (isOwn ? notedRole(source) : null) ?? finder.roleOf(slot, source);
    if (role !== "constant") roles.set(slot, role);
  }
  return roles;
}

/** The role that a file of `exportOnnx` notes, or null. */
function notedRole({ note, isInitializer }: ConstantSource): Role | null {
  return isInitializer && (note === "parameter" || note === "buffer" || note === "constant") ? note : null;
}

interface Use {
  readonly node: GraphNode;
  readonly input: number;
}

class RoleFinder {
  readonly #uses = new Map<number, Use[]>();
  /** For outputs of graphs in attributes: the outputs of the node. */
  readonly #passedOn = new Map<number, number[]>();
  readonly #varies: (slot: number) => boolean;
  readonly #isFromPytorch: boolean;

  constructor(program: Program, isFromPytorch: boolean) {
    this.#isFromPytorch = isFromPytorch;
    const dependence = findDependences(program, new Map());
    this.#varies = (slot) => slot !== OMITTED && dependence(slot).value === When.Data;
    for (const node of allNodes(program)) {
      node.inputs.forEach((slot, input) => {
        addTo(this.#uses, slot, { node, input });
      });
      for (const graph of node.graphs.values()) this.#passOn(graph, node);
    }
  }

  roleOf(start: number, source: ConstantSource): Role {
    const isNamed = source.isInitializer && this.#isFromPytorch && STATE_KEY.test(source.name);
    const mayScale = sizeOf(source.dims) > 1 || isNamed;
    const seen = new Set([start]);
    let role: Role = "constant";
    for (const slot of seen) {
      for (const use of this.#uses.get(slot) ?? []) {
        const found = this.#roleIn(use, mayScale, source);
        // statistics that are computed from a weight are no buffer
        if (found === "buffer" && slot === start) return "buffer";
        if (found === "parameter") role = "parameter";
        else if (found === "passes") for (const output of use.node.outputs) seen.add(output);
      }
      for (const output of this.#passedOn.get(slot) ?? []) seen.add(output);
    }
    return role;
  }

  /** @param mayScale whether the constant may be a weight where it is added or multiplied */
  #roleIn({ node, input }: Use, mayScale: boolean, source: ConstantSource): Role | "passes" {
    const { operator, opType } = node;
    if (operator?.buffers?.includes(input)) return "buffer";
    const through = Object.hasOwn(PASSES, opType) ? PASSES[opType] : [];
    const passes = through === ALL || through.includes(input);
    // a weight meets what varies: the sum of two constants is a constant
    const meets = node.inputs.some((slot, i) => i !== input && this.#varies(slot));
    const isWeight = operator?.weights?.all?.includes(input) ?? false;
    // norms that only normalise have constants in place of weights
    if (isWeight && (meets || !passes)) return isPlainNorm(node, input, source) ? "constant" : "parameter";
    if (meets) {
      if (mayScale && operator?.weights?.vectors?.includes(input)) return "parameter";
      // learned tokens stand before or after others
      if (sizeOf(source.dims) > 1 && source.isInitializer && opType === "Concat") return "parameter";
    }
    // scalars in a formula for weights, such as a gain of 1.7, are no weights
    const isFactor = !mayScale && FORMULAS.has(opType);
    return !meets && passes && !isFactor ? "passes" : "constant";
  }

  #passOn(graph: Graph, node: GraphNode): void {
    graph.outputs.forEach((slot, i) => {
      if (i < node.outputs.length) addTo(this.#passedOn, slot, node.outputs[i]);
    });
  }
}

/**
 * Whether a norm has ones for its scale, or zeros for its bias, in a Constant node. Exporters write them
 * where a norm has no weights, or where they come after it.
 */
function isPlainNorm({ opType }: GraphNode, input: number, { content, isInitializer }: ConstantSource): boolean {
  if (isInitializer || content === null || !PLAIN_NORMS.has(opType)) return false;
  if (!(content instanceof HostValue) && (content.isLater || content.size > MAX_HOST_ELEMENTS)) return false;
  const { data } = content instanceof HostValue ? content : content.host();
  return data.every((x) => x === (input === 1 ? 1 : 0));
}

/** Whether the elements may be a weight's: constants of masks are infinite or nearly so. */
export function mayBeWeight(elements: ArrayLike<number>): boolean {
  for (let i = 0; i < elements.length; i++) if (!(Math.abs(elements[i]) < LARGEST_WEIGHT)) return false;
  return true;
}

function addTo<T>(lists: Map<number, T[]>, key: number, value: T): void {
  if (key === OMITTED) return;
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
