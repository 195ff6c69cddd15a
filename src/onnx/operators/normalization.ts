import { noGrad } from "../../autograd/grad_mode.ts";
import { DataError, formatShape } from "../../errors.ts";
import { batchNorm, groupNorm, layerNorm, pad } from "../../nn/functional/index.ts";
import { ones, zeros } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { sizeOf } from "../host_value.ts";
import type { Call, OperatorTable } from "../operator.ts";
import { fromFront, range } from "./operands.ts";

const epsilonOf = (call: Call) => call.attributes.float("epsilon", Math.fround(1e-5));

/**
 * In training, the statistics of the batch; the running ones, which are buffers of the module, move towards
 * them. ONNX's momentum is the share of the old value, and its running variance is that of the batch as a
 * whole population.
 */
function batchNormalization(call: Call): Tensor | Tensor[] {
  const [x, weight, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => call.float(i));
  const eps = epsilonOf(call);
  const isStored = call.isStored(3) && call.isStored(4);
  if (!isStored && call.outputCount === 1) return normalizeWith(x, weight, bias, mean, variance.add(eps));
  if (!call.training) return batchNorm(x, mean, variance, { weight, bias, eps });
  const share = call.attributes.float("momentum", Math.fround(0.9));
  const [batchMean, batchVariance] = [zeros(mean.shape), ones(variance.shape)];
  const y = batchNorm(x, batchMean, batchVariance, { weight, bias, eps, training: true, momentum: 1 });
  const count = x.numel() / x.shape[1];
  const [newMean, newVariance] = noGrad(() => [
    mean.mul(share).add(batchMean.mul(1 - share)),
    variance.mul(share).add(batchVariance.mul(((1 - share) * (count - 1)) / count)),
  ]);
  if (isStored) {
    mean.copy_(newMean);
    variance.copy_(newVariance);
  }
  return call.outputCount > 1 ? [y, newMean, newVariance] : y;
}

/** Normalizes with statistics that the graph computes, through which gradients flow as well. */
function normalizeWith(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor): Tensor {
  const perChannel = (values: Tensor) => values.reshape([-1, ...Array<number>(x.dim() - 2).fill(1)]);
  return x
    .sub(perChannel(mean))
    .mul(perChannel(variance.rsqrt().mul(weight)))
    .add(perChannel(bias));
}

/** The dimensions from `axis` to the last. */
function normalizedDims(call: Call, x: Tensor): number[] {
  const axis = fromFront(call.attributes.int("axis", -1), x.dim());
  if (axis < 0 || axis >= x.dim()) {
    throw new DataError(
      `${call.opType} ${call.name}: axis ${call.attributes.int("axis", -1)} of ${formatShape(x.shape)}`,
    );
  }
  return range(x.dim()).slice(axis);
}

/** A parameter as the kernel takes it, or null if it has another shape, which broadcasts. */
function asKernelTakes(parameter: Tensor | null, shape: readonly number[]): Tensor | null {
  if (parameter === null || parameter.numel() !== sizeOf(shape)) return null;
  return parameter.dim() === shape.length ? parameter : parameter.reshape(shape);
}

function layerNormalization(call: Call): Tensor | (Tensor | undefined)[] {
  const x = call.float(0);
  const [scale, bias] = [call.float(1), call.optionalTensor(2)];
  const dims = normalizedDims(call, x);
  const shape = dims.map((d) => x.shape[d]);
  const eps = epsilonOf(call);
  const [weight, shift] = [asKernelTakes(scale, shape), asKernelTakes(bias, shape)];
  const fits = weight !== null && (bias === null || shift !== null);
  const y = fits
    ? layerNorm(x, shape, { weight, bias: shift, eps })
    : addIf(layerNorm(x, shape, { eps }).mul(scale), bias);
  if (call.outputCount === 1) return y;
  const mean = x.mean(dims, { keepdim: true });
  const deviation = x.var(dims, { unbiased: false, keepdim: true }).add(eps).rsqrt();
  return [y, mean, deviation];
}

const addIf = (x: Tensor, bias: Tensor | null) => (bias === null ? x : x.add(bias));

function rmsNormalization(call: Call): Tensor {
  const x = call.float(0);
  const dims = normalizedDims(call, x);
  const root = x.square().mean(dims, { keepdim: true }).add(epsilonOf(call)).rsqrt();
  return x.mul(root).mul(call.float(1));
}

/** Scale and bias are per group before opset 21, and per channel since. */
function groupNormalization(call: Call): Tensor {
  const x = call.float(0);
  const groups = call.attributes.int("num_groups", 1);
  const channels = x.shape[1];
  const perChannel = (given: Tensor) =>
    given.numel() === channels ? given : given.repeatInterleave(channels / given.numel());
  const [weight, bias] = [call.float(1), call.float(2)].map(perChannel);
  return groupNorm(x, groups, { weight, bias, eps: epsilonOf(call) });
}

/** `x / (bias + alpha / size · Σ x²)^beta`, with a sum over neighbouring channels. */
function localResponse(call: Call): Tensor {
  const { attributes } = call;
  const x = call.float(0);
  const size = attributes.int("size", 1);
  const [alpha, beta] = [attributes.float("alpha", Math.fround(1e-4)), attributes.float("beta", 0.75)];
  const sides = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const squares = pad(x.square(), [...Array(2 * (x.dim() - 2)).fill(0), ...sides]);
  const sum = range(size)
    .map((k) => squares.narrow(1, k, x.shape[1]))
    .reduce((a, b) => a.add(b));
  return x.div(
    sum
      .mul(alpha / size)
      .add(attributes.float("bias", 1))
      .pow(beta),
  );
}

/** `x / ‖x‖`; vectors of zeros stay. */
function lpNormalization(call: Call): Tensor {
  const x = call.float(0);
  const norm = x.norm(call.attributes.int("p", 2), call.attributes.int("axis", -1), { keepdim: true });
  return x.div(norm.maskedFill(norm.eq(0), 1));
}

/** `(x − mean) / (deviation + 1e-9)`. */
function meanVariance(call: Call): Tensor {
  const x = call.float(0);
  const axes = call.attributes.ints("axes") ?? [0, 2, 3];
  const centered = x.sub(x.mean(axes, { keepdim: true }));
  return centered.div(centered.square().mean(axes, { keepdim: true }).sqrt().add(1e-9));
}

/** Normalizations. Their scales and biases are weights. */
export const NORMALIZATION: OperatorTable = {
  BatchNormalization: {
    attributes: ["epsilon", "momentum", "training_mode", "spatial"],
    weights: { all: [1, 2] },
    buffers: [3, 4],
    refuse(node) {
      if (!node.attributes.flag("spatial", true)) return "spatial 0";
      return node.hasOutput(3) || node.hasOutput(4) ? "saved statistics as outputs" : null;
    },
    run: batchNormalization,
  },
  InstanceNormalization: {
    attributes: ["epsilon"],
    weights: { all: [1, 2] },
    run(call) {
      const x = call.float(0);
      return groupNorm(x, x.shape[1], { weight: call.float(1), bias: call.float(2), eps: epsilonOf(call) });
    },
  },
  LayerNormalization: {
    attributes: ["axis", "epsilon", "stash_type"],
    weights: { all: [1, 2] },
    run: layerNormalization,
  },
  GroupNormalization: {
    attributes: ["epsilon", "num_groups", "stash_type"],
    weights: { all: [1, 2] },
    run: groupNormalization,
  },
  RMSNormalization: {
    attributes: ["axis", "epsilon", "stash_type"],
    weights: { all: [1] },
    run: rmsNormalization,
  },
  LRN: { attributes: ["alpha", "beta", "bias", "size"], run: localResponse },
  LpNormalization: { attributes: ["axis", "p"], run: lpNormalization },
  MeanVarianceNormalization: { attributes: ["axes"], run: meanVariance },
};
