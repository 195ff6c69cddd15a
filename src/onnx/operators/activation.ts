import {
  celu,
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  leakyRelu,
  mish,
  selu,
  softplus,
  softsign,
} from "../../nn/functional/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mapHost } from "../host/arithmetic.ts";
import type { AttributeReader, Operator, OperatorTable } from "../operator.ts";
import { hostInputs } from "./operands.ts";

/** A function of one float32 tensor and the attributes. */
const activation = (f: (x: Tensor, attributes: AttributeReader) => Tensor, attributes: string[] = []): Operator => ({
  attributes,
  run: (call) => f(call.float(0), call.attributes),
});

/** The defaults of `Selu`, in float32. */
const SELU = { alpha: Math.fround(1.6732631921768188), gamma: Math.fround(1.0507010221481323) };

/** `gamma · elu(x, alpha)`. */
function scaledElu(x: Tensor, attributes: AttributeReader): Tensor {
  const [alpha, gamma] = [attributes.float("alpha", SELU.alpha), attributes.float("gamma", SELU.gamma)];
  return alpha === SELU.alpha && gamma === SELU.gamma ? selu(x) : elu(x, { alpha }).mul(gamma);
}

/** `max(0, min(1, alpha x + beta))`. */
function hardSigmoidOf(x: Tensor, attributes: AttributeReader): Tensor {
  const [alpha, beta] = [attributes.float("alpha", 0.2), attributes.float("beta", 0.5)];
  if (alpha === Math.fround(1 / 6) && beta === 0.5) return hardsigmoid(x);
  return x.mul(alpha).add(beta).clamp({ min: 0, max: 1 });
}

/** 0 near 0, and shifted by the bias outside. */
function shrink(x: Tensor, attributes: AttributeReader): Tensor {
  const [limit, bias] = [attributes.float("lambd", 0.5), attributes.float("bias", 0)];
  return x.add(bias).where(x.lt(-limit), x.sub(bias).where(x.gt(limit), 0));
}

/** Activation functions. */
export const ACTIVATION: OperatorTable = {
  Relu: {
    run(call) {
      const host = hostInputs(call);
      return host ? mapHost((x) => Math.max(x, 0), host[0].type, host[0]) : call.tensor(0).relu();
    },
  },
  LeakyRelu: activation((x, a) => leakyRelu(x, { negativeSlope: a.float("alpha", Math.fround(0.01)) }), ["alpha"]),
  PRelu: {
    weights: { all: [1] },
    run(call) {
      const x = call.tensor(0);
      return x.where(x.gt(0), x.mul(call.tensor(1)));
    },
  },
  Elu: activation((x, a) => elu(x, { alpha: a.float("alpha", 1) }), ["alpha"]),
  Selu: activation(scaledElu, ["alpha", "gamma"]),
  Celu: activation((x, a) => celu(x, { alpha: a.float("alpha", 1) }), ["alpha"]),
  Gelu: {
    attributes: ["approximate"],
    refuse(node) {
      const kind = node.attributes.string("approximate", "none");
      return kind === "none" || kind === "tanh" ? null : `approximate ${kind}`;
    },
    run: (call) => gelu(call.float(0), { approximate: call.attributes.string("approximate", "none") as "none" }),
  },
  Sigmoid: activation((x) => x.sigmoid()),
  Tanh: activation((x) => x.tanh()),
  HardSigmoid: activation(hardSigmoidOf, ["alpha", "beta"]),
  HardSwish: activation((x) => hardswish(x)),
  Mish: activation((x) => mish(x)),
  Softplus: activation((x) => softplus(x)),
  Softsign: activation((x) => softsign(x)),
  Swish: activation((x, a) => x.mul(x.mul(a.float("alpha", 1)).sigmoid()), ["alpha"]),
  ThresholdedRelu: activation((x, a) => x.where(x.gt(a.float("alpha", 1)), 0), ["alpha"]),
  Shrink: activation(shrink, ["lambd", "bias"]),
};
