import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import { kernels } from "../../runtime/kernels.ts";
import { empty, intTable, isSameShape, type NDArray, zeros } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { cloneArray } from "./copy.ts";

function expectMask(op: string, x: NDArray, mask: NDArray): void {
  if (mask.dtype !== "bool")
    throw new DTypeError(`${op}: mask expected bool, got ${mask.dtype}; use a comparison or .bool()`);
  if (!isSameShape(x.shape, mask.shape)) {
    throw new ShapeError(`${op}: mask ${formatShape(mask.shape)} expected the shape ${formatShape(x.shape)}`);
  }
}

/** The elements where the mask is true, one after the other. */
function pack(x: NDArray, mask: NDArray, count: number): NDArray {
  const out = empty([count], x.dtype);
  kernels().packMasked(x.size, x.address, mask.address, out.address, count);
  return out;
}

/** The elements of x where a mask of the same shape is true, in row-major order; `dx` is 0 elsewhere. */
export class MaskedSelect extends Op {
  readonly name = "maskedSelect";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray, mask: NDArray): NDArray {
    expectMask(this.name, x, mask);
    this.save(mask);
    return pack(x, mask, kernels().countMask(mask.size, mask.address));
  }

  override backward(dy: NDArray): Gradients {
    const [mask] = this.saved as [NDArray];
    const dx = zeros(mask.shape);
    kernels().unpackMasked(mask.size, dy.address, mask.address, dx.address);
    return [dx, null];
  }
}

/** x, where the elements at which the mask is true are replaced by those of `source`, in order. */
export class MaskedScatter extends Op {
  readonly name = "maskedScatter";
  #sourceShape: readonly number[] = [];

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray, mask: NDArray, source: NDArray): NDArray {
    expectMask(this.name, x, mask);
    if (source.dtype !== x.dtype)
      throw new DTypeError(`${this.name}: the source expected ${x.dtype}, got ${source.dtype}`);
    const count = kernels().countMask(mask.size, mask.address);
    if (source.size < count) {
      throw new OptionError(`${this.name}: expected ${count} elements for the mask, got ${formatShape(source.shape)}`);
    }
    this.#sourceShape = source.shape;
    this.save(mask);
    const out = cloneArray(x);
    kernels().unpackMasked(x.size, source.address, mask.address, out.address);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [mask] = this.saved as [NDArray];
    const [dx, dSource] = [cloneArray(dy), zeros(this.#sourceShape)];
    const none = zeros(mask.shape);
    kernels().unpackMasked(mask.size, none.address, mask.address, dx.address);
    const count = kernels().countMask(mask.size, mask.address);
    kernels().packMasked(dy.size, dy.address, mask.address, dSource.address, count);
    return [dx, null, dSource];
  }
}

/** The positions of the true elements of a mask, `[count, rank]` int32; no gradient. */
export class Nonzero extends Op {
  readonly name = "nonzero";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(mask: NDArray): NDArray {
    expectMask(this.name, mask, mask);
    const rank = mask.shape.length;
    const out = empty([kernels().countMask(mask.size, mask.address), rank], "int32");
    kernels().positionsOfMask(mask.size, mask.address, out.address, rank, intTable(mask.shape));
    return out;
  }
}
