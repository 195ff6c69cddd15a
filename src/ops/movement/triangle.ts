import { checkInteger } from "../../checks.ts";
import { formatShape, ShapeError } from "../../errors.ts";
import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, emptyLike, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";

/**
 * Keeps a triangle of each matrix `[..., rows, columns]`: the elements on and below (tril) or on and above
 * (triu) a diagonal. All others become 0.
 */
export class Triangle extends Op {
  readonly name: "tril" | "triu";
  readonly #diagonal: number;

  constructor(name: "tril" | "triu", diagonal: number) {
    super();
    this.name = name;
    this.#diagonal = checkInteger(name, "diagonal", diagonal, -(2 ** 31));
  }

  get attributes(): Attributes {
    return { diagonal: this.#diagonal };
  }

  forward(x: NDArray): NDArray {
    if (x.shape.length < 2) throw new ShapeError(`${this.name}: expected matrices, got ${formatShape(x.shape)}`);
    const [rows, columns] = x.shape.slice(-2);
    const out = emptyLike(x);
    const upper = Number(this.name === "triu");
    launch("triangle", x.size, ELEMENTWISE_GRAIN, x.address, out.address, rows, columns, this.#diagonal, upper);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    return [this.forward(dy)];
  }
}
