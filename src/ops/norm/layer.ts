import { formatShape, ShapeError } from "../../errors.ts";
import { NULL } from "../../runtime/address.ts";
import { launch } from "../../runtime/kernels.ts";
import { emptyLike, expectFloat, expectSameShape, type NDArray, sizeOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { doubles } from "../reduce/moments.ts";
import { roundQuotient, sumToDouble } from "../reduce/sum.ts";

/**
 * `y = (x - mean) / √(var + eps) * weight + bias`, with mean and variance over the last dimensions, whose
 * sizes are `normalizedShape`.
 */
export class LayerNorm extends Op {
  readonly name = "layerNorm";
  readonly #shape: readonly number[];
  readonly #eps: number;

  constructor(normalizedShape: readonly number[], eps: number) {
    super();
    this.#shape = normalizedShape;
    this.#eps = eps;
  }

  get attributes(): Attributes {
    return { normalizedShape: this.#shape, eps: this.#eps };
  }

  override get required(): number {
    return 1;
  }

  forward(x: NDArray, weight: NDArray | null, bias: NDArray | null): NDArray {
    expectFloat(this.name, x, weight, bias);
    const shape = this.#shape;
    const last = x.shape.slice(x.shape.length - shape.length);
    if (shape.length === 0 || shape.length > x.shape.length || formatShape(last) !== formatShape(shape)) {
      throw new ShapeError(
        `${this.name}: input expected [...,${shape.join(",")}] for normalizedShape ${formatShape(shape)}, got ${formatShape(x.shape)}`,
      );
    }
    if (weight) expectSameShape(this.name, "weight", shape, weight.shape);
    if (bias) expectSameShape(this.name, "bias", shape, bias.shape);
    const y = emptyLike(x);
    const { length, rows, grain } = this.#rows(x);
    const [mean, inverse] = [doubles(rows), doubles(rows)];
    if (x.size > 0) {
      const affine = [weight?.address ?? NULL, bias?.address ?? NULL] as const;
      launch(
        "layerNorm",
        rows,
        grain,
        x.address,
        ...affine,
        y.address,
        mean.address,
        inverse.address,
        length,
        this.#eps,
      );
    }
    this.save(x, weight, mean, inverse);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x, weight, mean, inverse] = this.saved as [NDArray, NDArray | null, NDArray, NDArray];
    const { length, rows, grain } = this.#rows(x);
    const dx = this.needs[0] ? emptyLike(x) : null;
    const products = this.needs[1] ? emptyLike(x) : null;
    if (dx || products) {
      const targets = [dx?.address ?? NULL, products?.address ?? NULL] as const;
      const saved = [mean.address, inverse.address, weight?.address ?? NULL] as const;
      launch("layerNormGrad", rows, grain, x.address, dy.address, ...saved, ...targets, length);
    }
    const sumRows = (values: NDArray) =>
      roundQuotient(sumToDouble(values.withShape([rows, length]), [true, false]), this.#shape);
    return [dx, products && sumRows(products), this.needs[2] ? sumRows(dy) : null];
  }

  #rows(x: NDArray): { length: number; rows: number; grain: number } {
    const length = sizeOf(this.#shape);
    const rows = sizeOf(x.shape.slice(0, x.shape.length - this.#shape.length));
    return { length, rows, grain: Math.ceil(16384 / Math.max(1, length)) };
  }
}
