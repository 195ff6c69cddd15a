import { noGrad } from "../../autograd/grad_mode.ts";
import { DataError } from "../../errors.ts";
import { dropout as dropoutTensor } from "../../nn/functional/dropout.ts";
import { multinomial as drawPositions } from "../../tensor/distributions.ts";
import { ones } from "../../tensor/fill.ts";
import { bernoulli as drawBits, rand, randn } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { isFloat, shapeOf, toTensor, type Value } from "../host_value.ts";
import type { Call, NodeView, Operator, OperatorTable } from "../operator.ts";
import { typeAttribute } from "./element_type.ts";

// All numbers come from the library's generator, which manualSeed() seeds. The attribute "seed" is ignored:
// with it, each call would draw the same numbers.

/** Refuses element types other than floats. */
function floatsOnly(node: NodeView): string | null {
  const { type, refused } = typeAttribute(node, "dtype");
  return refused ?? (type === undefined || isFloat(type) ? null : `dtype ${type}`);
}

/** Random numbers of the shape that `shapeFor` gives. */
function drawn(shapeFor: (call: Call) => readonly number[], names: readonly [string, string], draw: Draw): Operator {
  return {
    attributes: [...names, "dtype", "seed", "shape"],
    refuse: floatsOnly,
    run: (call) => draw(shapeFor(call), ...names.map((name, i) => call.attributes.float(name, i))),
  };
}

type Draw = (shape: readonly number[], ...parameters: number[]) => Tensor;

const normal: Draw = (shape, mean, scale) => randn(shape).mul(scale).add(mean);
const uniform: Draw = (shape, low, high) =>
  rand(shape)
    .mul(high - low)
    .add(low);

const ofAttribute = (call: Call) => call.attributes.ints("shape") ?? [];
const ofInput = (call: Call) => shapeOf(call.inputs[0] as Value);

const bernoulli: Operator = {
  attributes: ["dtype", "seed"],
  refuse: (node) => typeAttribute(node, "dtype").refused,
  run(call) {
    const bits = drawBits(call.float(0).detach());
    const { type } = typeAttribute(call, "dtype");
    if (type === undefined || isFloat(type)) return bits;
    return type === "bool" ? bits.bool() : bits.int();
  },
};

/** Positions with probabilities that input 0 gives as logarithms, up to a constant. */
const multinomial: Operator = {
  attributes: ["dtype", "sample_size", "seed"],
  refuse: (node) => typeAttribute(node, "dtype").refused,
  run(call) {
    const weights = noGrad(() => call.float(0).softmax(1));
    return drawPositions(weights, call.attributes.int("sample_size", 1), { replacement: true });
  },
};

/** Dropout follows the module's `training`, whatever the file says. */
const dropout: Operator = {
  attributes: ["ratio", "seed"],
  run(call) {
    const x = toTensor(call.inputs[0] as Value);
    const given = call.attributes.float("ratio", 0.5);
    const ratio = call.inputs[1] === undefined ? given : call.number(1);
    if (!(ratio >= 0 && ratio < 1)) throw new DataError(`ratio expected a number in [0, 1), got ${ratio}`);
    if (!call.training || ratio === 0) return [x, call.hasOutput(1) ? ones(x.shape, { dtype: "bool" }) : undefined];
    if (!call.hasOutput(1)) return [dropoutTensor(x, { p: ratio, training: true })];
    const mask = drawBits(x.shape, { p: 1 - ratio });
    return [x.mul(mask.mul(1 / (1 - ratio))), mask.bool()];
  },
};

/** Operators that draw random numbers. */
export const RANDOM: OperatorTable = {
  RandomNormal: drawn(ofAttribute, ["mean", "scale"], normal),
  RandomNormalLike: drawn(ofInput, ["mean", "scale"], normal),
  RandomUniform: drawn(ofAttribute, ["low", "high"], uniform),
  RandomUniformLike: drawn(ofInput, ["low", "high"], uniform),
  Bernoulli: bernoulli,
  Multinomial: multinomial,
  Dropout: dropout,
};
