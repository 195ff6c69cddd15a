import type { Address } from "../../runtime/address.ts";
import { kernels } from "../../runtime/kernels.ts";
import { emptyLike, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../core/op.ts";
import { recorder } from "../core/recorder.ts";

/** A new array with the same elements. */
export function cloneArray(x: NDArray): NDArray {
  const out = emptyLike(x);
  copyContents(out.address, x);
  return out;
}

/** Overwrites `target` in place and increments its version, so that autograd and caches notice. */
export function copyInto(target: NDArray, source: NDArray): void {
  target.block.version++; // done first, because reading a deferred source may fail half-way
  copyContents(target.address, source);
  recorder?.listener?.overwritten(target, source);
}

function copyContents(address: Address, { block, size }: NDArray): void {
  if (block.deferred) block.deferred(address);
  else kernels().copyBytes(address, block.address, size * 4);
}

/** A copy; `dx = dy`. */
export class Clone extends Op {
  readonly name = "clone";

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    return cloneArray(x);
  }

  override backward(dy: NDArray): Gradients {
    return [dy];
  }
}
