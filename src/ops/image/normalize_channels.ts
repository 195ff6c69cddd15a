import { formatShape, ShapeError } from "../../errors.ts";
import { emptyLike, expectFloat, floatTable, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { launch } from "./kernels.ts";

/** `y[…, c, h, w] = (x[…, c, h, w] - mean[c]) / std[c]`; `dx = dy / std[c]`. x is [C,H,W] or [N,C,H,W]. */
export class NormalizePlanes extends Op {
  readonly name = "normalize";
  readonly #mean: readonly number[];
  readonly #std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
    super();
    this.#mean = mean;
    this.#std = std;
  }

  get attributes(): Attributes {
    return { mean: this.#mean, std: this.#std };
  }

  forward(x: NDArray): NDArray {
    expectFloat(this.name, x);
    const rank = x.shape.length;
    const channels = this.#mean.length;
    if (rank < 3 || rank > 4 || x.shape[rank - 3] !== channels) {
      throw new ShapeError(
        `normalize: expected [${channels},H,W] or [N,${channels},H,W] for ${channels} means, got ${formatShape(x.shape)}`,
      );
    }
    return this.#scale(x, this.#mean);
  }

  override backward(dy: NDArray): Gradients {
    return [this.#scale(dy, new Array<number>(this.#mean.length).fill(0))];
  }

  #scale(x: NDArray, mean: readonly number[]): NDArray {
    const y = emptyLike(x);
    const plane = x.shape.at(-1)! * x.shape.at(-2)!;
    if (plane === 0) return y;
    const grain = Math.ceil(16384 / plane);
    const [means, stds] = [floatTable(mean), floatTable(this.#std)];
    launch("normalizePlanes", x.size / plane, grain, x.address, mean.length, plane, means, stds, y.address);
    return y;
  }
}
