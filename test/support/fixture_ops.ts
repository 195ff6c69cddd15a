/** How each op of the fixtures is called. Names of inputs and options are as the generator writes them. */
import { cat, nn, stack, type Tensor, where } from "wasmgrad";
import type { FixtureOptions } from "./fixture.ts";

const F = nn.functional;

/** Inputs by name. An absent input (a bias) is null, as in the file; the ops with such inputs accept it. */
export type Inputs = Record<string, Tensor>;

interface FixtureOp {
  run(inputs: Inputs, options: FixtureOptions): Tensor;
  /** Largest |difference| / max(1, |expected|) of the output and of gradients. */
  tolerance: number;
}

/** For ops that round once or a few times per element. */
const elementwise = (run: FixtureOp["run"]): FixtureOp => ({ run, tolerance: 1e-6 });
/** For sums of many terms. */
const summing = (run: FixtureOp["run"]): FixtureOp => ({ run, tolerance: 1e-5 });
/** For ops that move values without computing; at most their gradients are sums. */
const moving = elementwise;

const unaryMethods = [
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "reciprocal",
  "square",
  "sin",
  "cos",
  "erf",
  "neg",
  "abs",
] as const;
const activations = ["relu", "sigmoid", "tanh", "silu"] as const;
const binary = ["add", "sub", "mul", "div", "maximum", "minimum"] as const;

function each<Name extends string>(names: readonly Name[], make: (name: Name) => FixtureOp): Record<string, FixtureOp> {
  return Object.fromEntries(names.map((name) => [name, make(name)]));
}

/** `x.sum(dim, { keepdim })`, with `dim` null for all dimensions. */
function reduction(name: "sum" | "mean" | "var" | "std"): FixtureOp {
  return summing(({ input }, { dim, ...options }) => input[name](dim ?? undefined, options));
}

/** Along one dimension, the method returns values and indices. */
function extremum(name: "max" | "min"): FixtureOp {
  return elementwise(({ input }, { dim, keepdim }) => {
    if (dim === null || dim === undefined) return input[name]();
    return input[name](Array.isArray(dim) ? dim[0] : dim, { keepdim }).values;
  });
}

type LossName =
  | "crossEntropy"
  | "mseLoss"
  | "l1Loss"
  | "smoothL1Loss"
  | "binaryCrossEntropy"
  | "binaryCrossEntropyWithLogits"
  | "klDiv";

/** A loss of (input, target); its other inputs are options. */
function loss(name: LossName): FixtureOp {
  return summing(({ input, target, ...rest }, options) => F[name](input, target, { ...rest, ...options }));
}

export const fixtureOps: Record<string, FixtureOp> = {
  ...each(unaryMethods, (name) => elementwise(({ input }) => input[name]())),
  ...each(activations, (name) => elementwise(({ input }) => F[name](input))),
  softplus: elementwise(({ input }, options) => F.softplus(input, options)),
  ...each(binary, (name) => elementwise(({ a, b }) => a[name](b))),
  leaky_relu: elementwise(({ input }, options) => F.leakyRelu(input, options)),
  elu: elementwise(({ input }, options) => F.elu(input, options)),
  gelu: elementwise(({ input }, options) => F.gelu(input, options)),
  clamp: elementwise(({ input }, options) => input.clamp(options)),
  pow: elementwise(({ input, a, b }, { exponent }) => (a ? a.pow(b) : input.pow(exponent))),
  where: moving(({ condition, a, b }) => where(condition.bool(), a, b)),

  sum: reduction("sum"),
  mean: reduction("mean"),
  var: reduction("var"),
  std: reduction("std"),
  max: extremum("max"),
  min: extremum("min"),

  permute: moving(({ input }, { dims }) => input.permute(dims)),
  transpose: moving(({ input }, { dim0, dim1 }) => input.transpose(dim0, dim1)),
  reshape: moving(({ input }, { shape }) => input.reshape(shape)),
  permute_reshape: moving(({ input }, { dims, shape }) => input.permute(dims).reshape(shape)),
  flatten: moving(({ input }, { startDim, endDim }) => input.flatten(startDim, endDim)),
  squeeze: moving(({ input }, { dim }) => input.squeeze(dim)),
  unsqueeze: moving(({ input }, { dim }) => input.unsqueeze(dim)),
  slice: moving(({ input }, { dim, start, end }) => input.narrow(dim, start, end - start)),
  narrow: moving(({ input }, { dim, start, length }) => input.narrow(dim, start, length)),
  cat: summing((inputs, { dim }) => cat(Object.values(inputs), dim)),
  stack: summing((inputs, { dim }) => stack(Object.values(inputs), dim)),
  expand: summing(({ input }, { shape }) => input.expand(shape)),
  pad: summing(({ input }, { padding, ...options }) => F.pad(input, padding, options)),
  flip: moving(({ input }, { dims }) => input.flip(dims)),
  gather: summing(({ input, index }, { dim }) => input.gather(dim, index)),
  index_select: summing(({ input, index }, { dim }) => input.indexSelect(dim, index)),

  matmul: summing(({ a, b }) => a.matmul(b)),
  linear: summing(({ input, weight, bias }) => F.linear(input, weight, bias)),
  conv2d: summing(({ input, weight, bias }, options) => F.conv2d(input, weight, bias, options)),
  conv_transpose2d: summing(({ input, weight, bias }, options) => F.convTranspose2d(input, weight, bias, options)),
  max_pool2d: summing(({ input }, { kernelSize, ...options }) => F.maxPool2d(input, kernelSize, options)),
  avg_pool2d: summing(({ input }, { kernelSize, ...options }) => F.avgPool2d(input, kernelSize, options)),
  adaptive_avg_pool2d: summing(({ input }, { outputSize }) => F.adaptiveAvgPool2d(input, outputSize)),
  interpolate: summing(({ input }, options) => F.interpolate(input, options)),

  softmax: summing(({ input }, { dim }) => F.softmax(input, dim)),
  log_softmax: summing(({ input }, { dim }) => F.logSoftmax(input, dim)),
  layer_norm: summing(({ input, weight, bias }, { normalizedShape, ...options }) =>
    F.layerNorm(input, normalizedShape, { weight, bias, ...options }),
  ),
  batch_norm_train: summing(({ input, weight, bias }, options) =>
    F.batchNorm(input, null, null, { weight, bias, training: true, ...options }),
  ),
  batch_norm: summing(({ input, runningMean, runningVar, weight, bias }, options) =>
    F.batchNorm(input, runningMean, runningVar, { weight, bias, ...options }),
  ),
  group_norm: summing(({ input, weight, bias }, { numGroups, ...options }) =>
    F.groupNorm(input, numGroups, { weight, bias, ...options }),
  ),
  normalize: summing(({ input }, options) => F.normalize(input, options)),
  embedding: summing(({ weight, index }) => F.embedding(index, weight)),
  scaled_dot_product_attention: summing(({ q, k, v, mask }, { boolMask, ...options }) =>
    F.scaledDotProductAttention(q, k, v, { ...(mask ? { attnMask: boolMask ? mask.bool() : mask } : {}), ...options }),
  ),

  cross_entropy: loss("crossEntropy"),
  mse_loss: loss("mseLoss"),
  l1_loss: loss("l1Loss"),
  smooth_l1_loss: loss("smoothL1Loss"),
  bce_loss: loss("binaryCrossEntropy"),
  bce_with_logits: loss("binaryCrossEntropyWithLogits"),
  kl_div: loss("klDiv"),
};
