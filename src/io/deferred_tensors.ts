import { type DType, NDArray, sizeOf, type TypedArray } from "../ops/core/array.ts";
import { Block } from "../runtime/block.ts";
import { f32View, i32View } from "../runtime/memory.ts";
import { leaf } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Tensors whose elements are read from a file or a copy only when they are used. `copy_` and `clone` read
 * them directly into the target, without an intermediate copy. A state can therefore be loaded even if memory
 * cannot hold both the old and the new state.
 */
export class DeferredTensors {
  readonly #blocks: Block[] = [];

  /**
   * @param read fills the view returned by its argument; it must request the view again whenever memory may
   *   have grown
   */
  make(shape: readonly number[], dtype: DType, read: (view: () => TypedArray) => void): Tensor {
    const size = sizeOf(shape);
    const block = new Block(size * 4, (address) =>
      read(() => (dtype === "float32" ? f32View(address, size) : i32View(address, size))),
    );
    this.#blocks.push(block);
    return leaf(() => new NDArray(block, shape, dtype));
  }

  /** Reads the tensors that still have an owner. After this, the file or copy is no longer needed. */
  readOwned(): void {
    for (const block of this.#blocks) if (block.owners > 0) void block.address;
  }
}
