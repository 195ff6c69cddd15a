import { customFunction } from "../../gradients/custom_function.ts";
import { Unary } from "../../ops/elementwise/unary.ts";
import { apply } from "../../tensor/apply.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Operator, OperatorTable } from "../operator.ts";

/** A function of float32 tensors. */
const real = (f: (x: Tensor) => Tensor): Operator => ({ run: (call) => f(call.float(0)) });

/** `ln(1 + x)`, accurate near 0. */
const log1p = (x: Tensor) => apply(new Unary("log1p"), x);

/** A function that is computed in another form than its derivative. */
const withDerivative = (name: string, f: (x: Tensor) => Tensor, derivative: (x: Tensor) => Tensor) =>
  customFunction({
    name,
    forward(context, x: Tensor) {
      context.saveForBackward(x);
      return f(x);
    },
    backward: ({ savedTensors: [x] }, gradOutput) => gradOutput.mul(derivative(x)),
  });

/** Above this, `x² + 1` is `x²` in float32, and `x²` does not yet overflow. */
const LARGE = 1e9;

/** `ln(|x| + √(x² + 1))` with the sign of x, accurate near 0. */
const asinh = withDerivative(
  "asinh",
  (x) => {
    const size = x.abs();
    const isLarge = size.gt(LARGE);
    const square = size.where(isLarge.logicalNot(), 1).square();
    const near = log1p(size.add(square.div(square.add(1).sqrt().add(1))));
    return size.log().add(Math.LN2).where(isLarge, near).mul(x.sign());
  },
  (x) => x.square().add(1).rsqrt(),
);

/** `ln(x + √(x² − 1))`, accurate near 1; NaN below. */
const acosh = withDerivative(
  "acosh",
  (x) => {
    const isLarge = x.gt(LARGE);
    const above = x.sub(1).where(isLarge.logicalNot(), 1);
    const near = log1p(above.add(above.square().add(above.mul(2)).sqrt()));
    return x.log().add(Math.LN2).where(isLarge, near);
  },
  (x) => x.square().sub(1).rsqrt(),
);

/** `ln((1 + x) / (1 − x)) / 2`, accurate near 0. */
const atanh = withDerivative(
  "atanh",
  (x) => {
    const size = x.abs();
    return log1p(size.mul(2).div(size.neg().add(1)))
      .mul(x.sign())
      .div(2);
  },
  (x) => x.square().neg().add(1).reciprocal(),
);

/** Functions of real numbers. */
export const FUNCTIONS: OperatorTable = {
  Sqrt: real((x) => x.sqrt()),
  Exp: real((x) => x.exp()),
  Log: real((x) => x.log()),
  Reciprocal: real((x) => x.reciprocal()),
  Erf: real((x) => x.erf()),
  Sin: real((x) => x.sin()),
  Cos: real((x) => x.cos()),
  Tan: real((x) => x.tan()),
  Asin: real((x) => x.asin()),
  Acos: real((x) => x.acos()),
  Atan: real((x) => x.atan()),
  Sinh: real((x) => x.sinh()),
  Cosh: real((x) => x.cosh()),
  Asinh: real(asinh),
  Acosh: real(acosh),
  Atanh: real(atanh),
};
