import { checkInteger, checkIntegers, checkNumber, composed, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import { normalizeDim, sizeOf } from "../../ops/core/array.ts";
import { expectTensor } from "../apply.ts";
import { matmul } from "../functions.ts";
import type { Tensor } from "../tensor.ts";
import { asTensor } from "./base.ts";
import { TensorIndexing } from "./indexing.ts";

/** Factors of `addmm` and `baddbmm`. */
export interface AddProductOptions {
  /** Factor of the tensor. Default 1. */
  beta?: number;
  /** Factor of the product. Default 1. */
  alpha?: number;
}

/** Checks the dimensions of the operands of a product: `ranks` of the tensor and of `other`. */
function expectRanks(op: string, x: TensorIndexing, other: Tensor, ranks: readonly [number, number]): void {
  expectTensor(op, "other", other);
  if (x.dim() !== ranks[0] || other.dim() !== ranks[1]) {
    throw new ShapeError(
      `${op}: expected ${ranks[0]} and ${ranks[1]} dimensions, got ${formatShape(x.shape)} and ${formatShape(other.shape)}`,
    );
  }
}

/** `beta x + alpha product` */
function plus(op: string, x: Tensor, product: Tensor, options: AddProductOptions | undefined): Tensor {
  const { beta, alpha } = readOptions(op, options, { beta: 1, alpha: 1 });
  const scaled = checkNumber(op, "alpha", alpha) === 1 ? product : product.mul(alpha);
  if (checkNumber(op, "beta", beta) === 0) return scaled; // then NaN in x does not count
  return scaled.add(beta === 1 ? x : x.mul(beta));
}

/** Matrix products. */
export abstract class TensorMatmul extends TensorIndexing {
  /** Matrix product, see `matmul()`. */
  matmul(other: Tensor): Tensor {
    return matmul(asTensor(this), other);
  }

  /** The product of two matrices. Matches `torch.mm`. */
  mm(other: Tensor): Tensor {
    expectRanks("mm", this, other, [2, 2]);
    return composed("mm", () => this.matmul(other));
  }

  /** The products of two stacks of as many matrices, `[B,N,K]` and `[B,K,M]`. Matches `torch.bmm`. */
  bmm(other: Tensor): Tensor {
    expectRanks("bmm", this, other, [3, 3]);
    if (this.shape[0] !== other.shape[0]) {
      throw new ShapeError(
        `bmm: expected as many matrices, got ${formatShape(this.shape)} and ${formatShape(other.shape)}`,
      );
    }
    return this.matmul(other);
  }

  /** The product of a matrix and a vector. Matches `torch.mv`. */
  mv(vector: Tensor): Tensor {
    expectRanks("mv", this, vector, [2, 1]);
    return this.matmul(vector);
  }

  /** The dot product of two vectors. Matches `torch.dot`. */
  dot(other: Tensor): Tensor {
    expectRanks("dot", this, other, [1, 1]);
    return this.matmul(other);
  }

  /** The outer product of two vectors: `out[i][j] = x[i] other[j]`. Matches `torch.outer`. */
  outer(other: Tensor): Tensor {
    expectRanks("outer", this, other, [1, 1]);
    return this.unsqueeze(1).mul(other);
  }

  /** `beta x + alpha (a b)` for matrices a and b; x broadcasts. Matches `torch.addmm`. */
  addmm(a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    expectTensor("addmm", "a", a);
    return composed("addmm", () => plus("addmm", asTensor(this), a.mm(b), options));
  }

  /** `beta x + alpha (a b)` for stacks of matrices; x broadcasts. Matches `torch.baddbmm`. */
  baddbmm(a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    expectTensor("baddbmm", "a", a);
    return composed("baddbmm", () => plus("baddbmm", asTensor(this), a.bmm(b), options));
  }

  /**
   * Sums products over several dimensions: the last `dims` dimensions of x and the first ones of `other`, or
   * the listed ones `[ofX, ofOther]`. Matches `torch.tensordot`.
   * @example
   * ```ts
   * import { ones } from "wasmgrad";
   * console.log(ones([2, 3, 4]).tensordot(ones([4, 3, 5]), [[1, 2], [1, 0]]).shape); // [2, 5]
   * ```
   */
  tensordot(other: Tensor, dims: number | readonly [readonly number[], readonly number[]] = 2): Tensor {
    expectTensor("tensordot", "other", other);
    const range = (start: number, length: number) => Array.from({ length }, (_, i) => start + i);
    const most = Math.min(this.dim(), other.dim());
    const listed = Array.isArray(dims)
      ? [0, 1].map((i) => checkIntegers("tensordot", "dims", dims[i], -(2 ** 31)))
      : [
          range(this.dim() - checkInteger("tensordot", "dims", dims, 0, most), dims as number),
          range(0, dims as number),
        ];
    const own = listed[0].map((dim) => normalizeDim("tensordot", dim, this.dim()));
    const its = listed[1].map((dim) => normalizeDim("tensordot", dim, other.dim()));
    if (own.length !== its.length || own.some((d, i) => this.shape[d] !== other.shape[its[i]])) {
      throw new ShapeError(
        `tensordot: dimensions [${own}] of ${formatShape(this.shape)} and [${its}] of ${formatShape(other.shape)} differ`,
      );
    }
    const rows = range(0, this.dim()).filter((d) => !own.includes(d));
    const columns = range(0, other.dim()).filter((d) => !its.includes(d));
    const [rowShape, columnShape] = [rows.map((d) => this.shape[d]), columns.map((d) => other.shape[d])];
    const summed = sizeOf(own.map((d) => this.shape[d]));
    const left = this.permute([...rows, ...own]).reshape([sizeOf(rowShape), summed]);
    const right = other.permute([...its, ...columns]).reshape([summed, sizeOf(columnShape)]);
    return left.matmul(right).reshape([...rowShape, ...columnShape]);
  }

  /** The Kronecker product: blocks of `other`, each times one element of x. Matches `torch.kron`. */
  kron(other: Tensor): Tensor {
    expectTensor("kron", "other", other);
    const rank = Math.max(this.dim(), other.dim());
    const padded = (shape: readonly number[]) => [...new Array<number>(rank - shape.length).fill(1), ...shape];
    const [a, b] = [padded(this.shape), padded(other.shape)];
    return this.reshape(a.flatMap((n) => [n, 1]))
      .mul(other.reshape(b.flatMap((n) => [1, n])))
      .reshape(a.map((n, d) => n * b[d]));
  }

  /** The vector product of dimension `dim`, which has 3 positions. Matches `torch.linalg.cross`. */
  cross(other: Tensor, dim = -1): Tensor {
    expectTensor("cross", "other", other);
    const d = normalizeDim("cross", dim, this.dim());
    if (this.dim() !== other.dim() || this.shape[d] !== 3 || other.shape[d] !== 3) {
      throw new ShapeError(
        `cross: expected 3 positions in dim ${dim} of both, got ${formatShape(this.shape)} and ${formatShape(other.shape)}`,
      );
    }
    // (x1, x2, x0) and (x2, x0, x1)
    const [a1, a2, b1, b2] = [this.roll(-1, d), this.roll(-2, d), other.roll(-1, d), other.roll(-2, d)];
    return a1.mul(b2).sub(a2.mul(b1));
  }

  /**
   * Distances of all rows of x `[...,P,M]` from all rows of `other` `[...,R,M]`, in the p-norm: `[...,P,R]`.
   * The gradient is 0 where the distance is 0. Computed from differences, so small distances are exact.
   * Matches `torch.cdist`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * console.log(tensor([[0, 0]]).cdist(tensor([[3, 4], [0, 1]])).toArray()); // [[5, 1]]
   * ```
   */
  cdist(other: Tensor, options?: { p?: number }): Tensor {
    expectTensor("cdist", "other", other);
    const { p } = readOptions("cdist", options, { p: 2 });
    if (!(p >= 0)) throw new OptionError(`cdist: p expected a number >= 0, got ${p}`);
    if (this.dim() < 2 || other.dim() < 2) {
      throw new ShapeError(`cdist: expected rows, got ${formatShape(this.shape)} and ${formatShape(other.shape)}`);
    }
    return composed("cdist", () => this.unsqueeze(-2).sub(other.unsqueeze(-3)).norm(p, -1));
  }
}
