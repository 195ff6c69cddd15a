import { chooseConvolution } from "../../ops/conv/choose.ts";
import { ConvPass, type ConvRole, OPERANDS } from "../../ops/conv/conv_pass.ts";
import { ConvTranspose2d } from "../../ops/conv/conv_transpose2d.ts";
import { Conv2d } from "../../ops/conv/conv2d.ts";
import { Conv2dReluPool } from "../../ops/conv/conv2d_relu_pool.ts";
import { pickMaxima, unpool } from "../../ops/conv/relu_pool.ts";
import type { NDArray } from "../../ops/core/array.ts";
import { reluBackward } from "../../ops/elementwise/fused_relu.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, linear, type SavedTensors, selfAdjoint, type TensorGradients, withRule } from "../rule.ts";

/** The gradients of input, weight and bias, from the gradient of the output before ReLU and pooling. */
function gradients(
  dy: Tensor,
  pass: (role: ConvRole, other: Tensor) => Tensor,
  node: SavedTensors,
  shape: readonly number[],
): TensorGradients {
  const batch = () => {
    const x = node.input(0, node.arrays[0]?.withShape(shape));
    return shape.length === 3 ? x.unsqueeze(0) : x;
  };
  return node.each(
    () => pass("input", node.input(1)).reshape(shape),
    () => pass("weight", batch()),
    () => dy.sum([0, 2, 3]),
  );
}

const convolution: GradientRule<Conv2d | ConvTranspose2d> = (op, dOut, node) => {
  const passes = op instanceof Conv2d ? op.algorithm.plain : op.algorithm.transposed;
  const after = dOut.dim() === 3 ? dOut.unsqueeze(0) : dOut;
  const out = node.arrays[2];
  const dy = out ? selfAdjoint(op, after, (d) => reluBackward(d, out), [out]) : after;
  const pass = (role: ConvRole, other: Tensor) => {
    const operands = role === "input" ? [dy, other] : [other, dy];
    return apply(new ConvPassOp(role, passes, op.geometry), ...operands);
  };
  return gradients(dy, pass, node, op.inputShape);
};

const convReluPool: GradientRule<Conv2dReluPool> = (op, dOut, node) => {
  const { geometry } = op;
  const codes = node.arrays[2] as NDArray;
  const dy = linear(
    op,
    dOut,
    (d) => unpool(d, codes, geometry),
    (g) => pickMaxima(g, codes, geometry),
    [codes],
  );
  const passes = chooseConvolution(geometry).plain;
  const pass = (role: ConvRole, other: Tensor) => {
    const operands = role === "input" ? [dy, other] : [other, dy];
    return apply(new ConvPassOp(role, passes, geometry), ...operands);
  };
  const { images, groups, inChannels, height, width } = geometry;
  return gradients(dy, pass, node, [images, groups * inChannels, height, width]);
};

/** The gradients of each pass are the other two passes. */
const convPass: GradientRule<ConvPass> = (op, dy, node) => {
  const { role, passes, geometry } = op;
  const other = (wanted: ConvRole, i: number) => {
    const operands = OPERANDS[wanted].map((operand) => (operand === role ? dy : node.input(1 - i)));
    return apply(new ConvPassOp(wanted, passes, geometry), ...operands);
  };
  const [first, second] = OPERANDS[role];
  return node.each(
    () => other(first, 0),
    () => other(second, 1),
  );
};

const ConvPassOp = /* @__PURE__ */ withRule(ConvPass, convPass);
export const Conv2dOp = /* @__PURE__ */ withRule(Conv2d, convolution);
export const ConvTranspose2dOp = /* @__PURE__ */ withRule(ConvTranspose2d, convolution);
export const Conv2dReluPoolOp = /* @__PURE__ */ withRule(Conv2dReluPool, convReluPool);
