import { checkInteger } from "../../checks.ts";
import { offset } from "../../runtime/address.ts";
import { kernels } from "../../runtime/kernels.ts";
import { normal_ } from "../init.ts";
import type { Parameter } from "../parameter.ts";

/** Checks the option `paddingIdx` of a layer with `count` vectors. Returns it without a minus. */
export function readPaddingIdx(op: string, paddingIdx: number | null, count: number): number | null {
  if (paddingIdx === null) return null;
  checkInteger(op, "paddingIdx", paddingIdx, -count, count - 1);
  return paddingIdx < 0 ? paddingIdx + count : paddingIdx;
}

/** Fills vectors [n, length] with normal(0, 1), that of `paddingIdx` with zeros. */
export function initVectors(weight: Parameter, paddingIdx: number | null): void {
  normal_(weight);
  if (paddingIdx === null) return;
  const { array } = weight;
  const bytes = weight.shape[1] * 4;
  kernels().fillZero(offset(array.address, paddingIdx * bytes), bytes);
  array.block.version++;
}
