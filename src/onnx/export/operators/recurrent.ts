import type { GraphStep, GraphValue } from "../graph.ts";
import { areSameLengths } from "../length.ts";
import type { OperatorWriter, StepWriter } from "../operator_writer.ts";

/**
 * For each kind: PyTorch's gates in ONNX's order (LSTM: i, o, f, c; GRU: z, r, h), and the number of states.
 */
const KINDS = {
  lstm: { opType: "LSTM", gates: [0, 3, 1, 2], states: 2 },
  gru: { opType: "GRU", gates: [1, 0, 2], states: 1 },
  rnn: { opType: "RNN", gates: [0], states: 1 },
} as const;

/** The product of the inputs, which ONNX's operators compute themselves. */
export interface InputProduct {
  readonly x: string;
  readonly weight: string;
  /** The bias of the input and, if it is added before the product, that of the state. */
  readonly biases: readonly string[];
}

const isZero = (value: GraphValue | null) =>
  value?.source.kind === "constant" && value.source.data.every((element) => element === 0);

/**
 * Writes a direction of a recurrent layer. Its first input is `x weightIhᵀ + bias`; `productOf` finds x and
 * the weight if a linear layer made it. Otherwise the weight is the identity.
 */
export const recurrent =
  (productOf: (gx: GraphValue) => InputProduct | null): OperatorWriter =>
  (s) => {
    const kind = s.step.name as keyof typeof KINDS;
    const { opType, gates, states } = KINDS[kind];
    const [, hidden] = s.fixed(s.shape(1), "the weights");
    const width = gates.length * hidden;
    const order = gates.flatMap((gate) => Array.from({ length: hidden }, (_, i) => gate * hidden + i));
    const index = s.nodes.constant(order, [width], "int64");
    const inOrder = (x: string) =>
      s.nodes.unsqueeze(gates.length > 1 ? s.nodes.node("Gather", [x, index], { axis: 0 }) : x, [0]);
    const zeros = () => s.nodes.filled(0, [1, width]);
    const product = productOf(s.value(0) as GraphValue) ?? identityProduct(s, width);
    const [ofInput, ofState = kind === "gru" && s.has(3) ? s.x(3) : undefined] = product.biases;
    const biasIh = ofInput === undefined ? null : inOrder(ofInput);
    const biasHh = ofState === undefined ? null : inOrder(ofState);
    const bias = biasIh || biasHh ? s.nodes.node("Concat", [biasIh ?? zeros(), biasHh ?? zeros()], { axis: 1 }) : "";
    const stateAt = (i: number) => (isZero(s.value(i)) ? "" : s.nodes.unsqueeze(s.x(i), [0]));
    const lengths = s.optional(kind === "lstm" || kind === "gru" ? 4 : 3);
    const inputs = [product.x, inOrder(product.weight), inOrder(s.x(1)), bias, lengths, stateAt(2)];
    if (kind === "lstm") inputs.push(stateAt(3));
    const reverse = s.attribute<boolean>("reverse") ? "reverse" : undefined;
    const attributes = { hidden_size: hidden, direction: reverse, linear_before_reset: kind === "gru" ? 1 : undefined };
    const relu = s.attribute<string | undefined>("nonlinearity") === "relu";
    const outputs = s.nodes.nodeOf(
      opType,
      inputs,
      { ...attributes, ...(relu && { activations: { strings: ["Relu"] } }) },
      1 + states,
    );
    // [T,1,N,H] and [1,N,H] become rows [T + states, N, H]
    const [sequence, ...ends] = outputs;
    const last = lengths === "" ? ends : ends.map((end, i) => orInitial(s, end, s.x(2 + i), lengths));
    return s.nodes.node("Concat", [s.nodes.squeeze(sequence, [1]), ...last], { axis: 0 });
  };

/** The last state, or the first one of samples without steps, of which onnxruntime gives zeros. */
function orInitial(s: StepWriter, last: string, first: string, lengths: string): string {
  const isEmpty = s.nodes.node("Equal", [lengths, s.nodes.scalar(0, "int32")]);
  return s.nodes.node("Where", [s.nodes.unsqueeze(isEmpty, [0, 2]), s.nodes.unsqueeze(first, [0]), last]);
}

function identityProduct(s: StepWriter, width: number): InputProduct {
  const ones = Array.from({ length: width * width }, (_, i) => Number(i % (width + 1) === 0));
  return { x: s.x(0), weight: s.nodes.constant(ones, [width, width], "float32"), biases: [] };
}

/** The operands of the linear layer that made `gx`, or null. */
export function findProduct(
  steps: readonly GraphStep[],
  gx: GraphValue,
  nameOf: (value: GraphValue) => string,
): InputProduct | null {
  const madeBy = (value: GraphValue | null) => steps.find(({ outputs }) => outputs[0] === value);
  const step = madeBy(gx);
  if (step?.name !== "linear") return null;
  const [x, weight, bias] = step.inputs as (GraphValue | null)[];
  if (!x || !weight || x.shape.length !== 3) return null;
  // a layer adds its two biases, which ONNX keeps apart
  const sum = madeBy(bias);
  const parts = sum?.name === "add" ? sum.inputs : [];
  const areBiases =
    parts.length === 2 && parts.every((part) => isValue(part) && areSameLengths(part.shape, gx.shape.slice(2)));
  const biases = areBiases ? (parts as GraphValue[]) : bias ? [bias] : [];
  return { x: nameOf(x), weight: nameOf(weight), biases: biases.map(nameOf) };
}

const isValue = (input: GraphStep["inputs"][number]): input is GraphValue =>
  typeof input === "object" && input !== null && "source" in input;
