import { checkInteger } from "../../checks.ts";
import { launch } from "../../runtime/kernels.ts";
import { emptyLike, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { combine } from "./binary.ts";
import { castTo } from "./cast.ts";

/** Number of elements that a thread takes at a time: these functions take some hundred operations each. */
const GRAIN = 1024;

/** Derivative n of the digamma function; digamma itself for n = 0. */
function polygammaOf(x: NDArray, n: number): NDArray {
  const y = emptyLike(x);
  launch("polygamma", x.size, GRAIN, x.address, y.address, n);
  return y;
}

/** The y with `erf y = x`; `dx = dy √π / 2 e^(y²)`. */
export class InverseErf extends Op {
  readonly name = "erfinv";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(input: NDArray): NDArray {
    const x = castTo(input, "float32");
    const y = emptyLike(x);
    launch("erfinv", x.size, GRAIN, x.address, y.address);
    this.save(y);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [y] = this.saved as [NDArray];
    const dx = emptyLike(dy);
    launch("erfinvGrad", dy.size, GRAIN, dy.address, y.address, dx.address);
    return [dx];
  }
}

/** `ln |Γ(x)|`; `dx = dy digamma(x)`. */
export class LogGamma extends Op {
  readonly name = "lgamma";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(input: NDArray): NDArray {
    const x = castTo(input, "float32");
    const y = emptyLike(x);
    launch("lgamma", x.size, GRAIN, x.address, y.address);
    this.save(x);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x] = this.saved as [NDArray];
    return [combine(this.name, "mulFloat", dy, polygammaOf(x, 0), "float32")];
  }
}

/**
 * Derivative n of the digamma function, which is the derivative of `ln Γ(x)`; `dx = dy polygamma(n + 1, x)`.
 */
export class Polygamma extends Op {
  readonly name: "digamma" | "polygamma";
  readonly n: number;

  constructor(name: "digamma" | "polygamma", n: number) {
    super();
    this.name = name;
    // n! must be a float32
    this.n = checkInteger(name, "n", n, 0, 33);
  }

  get attributes(): Attributes {
    return this.name === "digamma" ? NO_ATTRIBUTES : { n: this.n };
  }

  forward(input: NDArray): NDArray {
    const x = castTo(input, "float32");
    this.save(x);
    return polygammaOf(x, this.n);
  }

  override backward(dy: NDArray): Gradients {
    const [x] = this.saved as [NDArray];
    return [combine(this.name, "mulFloat", dy, polygammaOf(x, this.n + 1), "float32")];
  }
}
