import { Compare } from "../ops/elementwise/binary.ts";
import { Unary } from "../ops/elementwise/unary.ts";
import { apply } from "./apply.ts";
import { mul, type Operand } from "./functions.ts";
import type { Tensor } from "./tensor.ts";

/** The absolute value. The gradient at 0 is 0. Matches `torch.abs`. */
export function abs(x: Tensor): Tensor {
  return apply(new Unary("abs"), x);
}

/** `e^x`. Matches `torch.exp`. */
export function exp(x: Tensor): Tensor {
  return apply(new Unary("exp"), x);
}

/** The natural logarithm. Matches `torch.log`. */
export function log(x: Tensor): Tensor {
  return apply(new Unary("log"), x);
}

/** The square root. Matches `torch.sqrt`. */
export function sqrt(x: Tensor): Tensor {
  return apply(new Unary("sqrt"), x);
}

/** `x²`. Matches `torch.square`. */
export function square(x: Tensor): Tensor {
  return apply(new Unary("square"), x);
}

/** The sine of an angle in radians. Matches `torch.sin`. */
export function sin(x: Tensor): Tensor {
  return apply(new Unary("sin"), x);
}

/** The cosine of an angle in radians. Matches `torch.cos`. */
export function cos(x: Tensor): Tensor {
  return apply(new Unary("cos"), x);
}

/** `max(x, 0)`. The gradient at 0 is 0. Matches `torch.relu`. */
export function relu(x: Tensor): Tensor {
  return apply(new Unary("relu"), x);
}

/** `1 / (1 + e^-x)`. Matches `torch.sigmoid`. */
export function sigmoid(x: Tensor): Tensor {
  return apply(new Unary("sigmoid"), x);
}

/** The hyperbolic tangent. Matches `torch.tanh`. */
export function tanh(x: Tensor): Tensor {
  return apply(new Unary("tanh"), x);
}

/** `-x`. Matches `torch.neg`. */
export function neg(x: Tensor): Tensor {
  return mul(x, -1);
}

/** `x == y` for each element, as a bool tensor; one may be a number. Matches `torch.eq`. */
export function eq(x: Operand, y: Operand): Tensor {
  return apply(new Compare("eq"), x, y);
}

/** `x != y` for each element, as a bool tensor; one may be a number. Matches `torch.ne`. */
export function ne(x: Operand, y: Operand): Tensor {
  return apply(new Compare("ne"), x, y);
}

/** `x < y` for each element, as a bool tensor; one may be a number. Matches `torch.lt`. */
export function lt(x: Operand, y: Operand): Tensor {
  return apply(new Compare("lt"), x, y);
}

/** `x <= y` for each element, as a bool tensor; one may be a number. Matches `torch.le`. */
export function le(x: Operand, y: Operand): Tensor {
  return apply(new Compare("le"), x, y);
}

/** `x > y` for each element, as a bool tensor; one may be a number. Matches `torch.gt`. */
export function gt(x: Operand, y: Operand): Tensor {
  return apply(new Compare("gt"), x, y);
}

/** `x >= y` for each element, as a bool tensor; one may be a number. Matches `torch.ge`. */
export function ge(x: Operand, y: Operand): Tensor {
  return apply(new Compare("ge"), x, y);
}
