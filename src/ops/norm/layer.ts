import { formatShape, ShapeError } from "../../errors.ts";
import { NULL } from "../../runtime/address.ts";
import { LAYER_NORM_ROWS } from "../../runtime/kernels.generated.ts";
import { empty, emptyLike, expectFloat, expectSameShape, type NDArray, sizeOf } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { doubles } from "../reduce/moments.ts";
import { roundQuotient, sumToDouble } from "../reduce/sum.ts";
import { launch } from "./kernels.ts";

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
    const units = Math.ceil(rows / LAYER_NORM_ROWS);
    const isAffine = this.needs[1] || this.needs[2];
    // sums over the rows of each unit
    const dWeight = isAffine ? empty([units, length]) : null;
    const dBias = isAffine ? empty([units, length]) : null;
    if (x.size > 0 && (dx || isAffine)) {
      const saved = [mean.address, inverse.address, weight?.address ?? NULL] as const;
      const targets = [dx?.address ?? NULL, dWeight?.address ?? NULL, dBias?.address ?? NULL] as const;
      const unitGrain = Math.ceil(grain / LAYER_NORM_ROWS);
      launch("layerNormGrad", units, unitGrain, x.address, dy.address, ...saved, ...targets, rows, length);
    }
    const sumUnits = (parts: NDArray | null) => parts && roundQuotient(sumToDouble(parts, [true, false]), this.#shape);
    return [dx, this.needs[1] ? sumUnits(dWeight) : null, this.needs[2] ? sumUnits(dBias) : null];
  }

  #rows(x: NDArray): { length: number; rows: number; grain: number } {
    const length = sizeOf(this.#shape);
    const rows = sizeOf(x.shape.slice(0, x.shape.length - this.#shape.length));
    return { length, rows, grain: Math.ceil(16384 / Math.max(1, length)) };
  }
}
