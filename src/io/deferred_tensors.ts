import { type DType, NDArray, sizeOf, type TypedArray } from "../ops/core/array.ts";
import { Block } from "../runtime/block.ts";
import { f32View, i32View } from "../runtime/memory.ts";
import { leaf } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Tensors whose elements come from elsewhere (a file, a copy) and take memory only when they are used:
 * `copy_` and `clone` read them directly into their target. So a state can be loaded that would not
 * fit beside the present one.
 */
export class DeferredTensors {
  readonly #blocks: Block[] = [];

  /**
   * @param read fills the view that its argument returns; it must ask for the view again
   *   whenever memory may have grown
   */
  make(shape: readonly number[], dtype: DType, read: (view: () => TypedArray) => void): Tensor {
    const size = sizeOf(shape);
    const block = new Block(size * 4, (address) =>
      read(() => (dtype === "float32" ? f32View(address, size) : i32View(address, size))),
    );
    this.#blocks.push(block);
    return leaf(() => new NDArray(block, shape, dtype));
  }

  /** Reads those that still have an owner: after this they can do without where they come from. */
  readOwned(): void {
    for (const block of this.#blocks) if (block.owners > 0) void block.address;
  }
}
