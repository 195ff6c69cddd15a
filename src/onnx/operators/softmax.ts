import { DataError } from "../../errors.ts";
import { logSoftmax, oneHot, softmax } from "../../nn/functional/index.ts";
import { full } from "../../tensor/fill.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { sizeOf } from "../host_value.ts";
import type { Call, Operator, OperatorTable } from "../operator.ts";
import { fromFront } from "./operands.ts";

/** A function along one dimension. Before opset 13 it is one of all dimensions from `axis` on, as one. */
const along = (f: (x: Tensor, dim: number) => Tensor): Operator => ({
  attributes: ["axis"],
  run(call) {
    const x = call.float(0);
    const older = call.opset < 13;
    const axis = fromFront(call.attributes.int("axis", older ? 1 : -1), x.dim());
    if (!older) return f(x, axis);
    const rows = sizeOf(x.shape.slice(0, axis));
    return f(x.reshape([rows, sizeOf(x.shape.slice(axis))]), 1).reshape([...x.shape]);
  },
});

/** 1 where the first largest element is, 0 elsewhere. */
function hardmax(x: Tensor, dim: number): Tensor {
  return oneHot(x.argmax(dim), x.shape[dim]).float().movedim(-1, dim);
}

/** Reads a reduction. */
function reductionOf(call: Call): string {
  return call.attributes.string("reduction", "mean");
}

/**
 * `−w[class] logProbabilities[class]` of each element, reduced; elements with the class `ignore_index` count
 * as 0 and not in the mean, which is divided by the sum of the weights.
 */
function likelihoodLoss(call: Call, logProbabilities: Tensor): Tensor {
  const given = call.tensor(1);
  const classes = logProbabilities.shape[1];
  const target = given.dtype === "int32" ? given : given.int();
  const kept = call.attributes.has("ignore_index") ? target.ne(call.attributes.int("ignore_index", -1)) : null;
  const inside = kept ? target.where(kept, 0) : target;
  if (target.numel() > 0 && (inside.lt(0).any().item() || inside.ge(classes).any().item())) {
    throw new DataError(`${call.opType} ${call.name}: a class outside 0 to ${classes - 1}`);
  }
  const loss = logProbabilities.gather(1, inside.unsqueeze(1)).squeeze(1).neg();
  const classWeights = call.optionalTensor(2);
  const ofClass = classWeights ? classWeights.indexSelect(0, inside.reshape([-1])).reshape([...inside.shape]) : null;
  const weights = kept ? (ofClass ?? full(target.shape, 1)).mul(kept.float()) : ofClass;
  const weighted = weights ? loss.mul(weights) : loss;
  if (reductionOf(call) === "none") return weighted;
  if (reductionOf(call) === "sum") return weighted.sum();
  return weights ? weighted.sum().div(weights.sum()) : weighted.mean();
}

const LOSS: Pick<Operator, "attributes" | "refuse"> = {
  attributes: ["ignore_index", "reduction"],
  refuse(node) {
    const reduction = node.attributes.string("reduction", "mean");
    return ["none", "sum", "mean"].includes(reduction) ? null : `reduction ${reduction}`;
  },
};

/** Softmax and the losses that are made of it. */
export const SOFTMAX: OperatorTable = {
  Softmax: along(softmax),
  LogSoftmax: along(logSoftmax),
  Hardmax: along(hardmax),
  NegativeLogLikelihoodLoss: { ...LOSS, run: (call) => likelihoodLoss(call, call.float(0)) },
  SoftmaxCrossEntropyLoss: {
    ...LOSS,
    run(call) {
      const logProbabilities = logSoftmax(call.float(0), 1);
      return [likelihoodLoss(call, logProbabilities), logProbabilities];
    },
  },
};
