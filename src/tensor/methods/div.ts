import { checkChoice, composed, readOptions } from "../../checks.ts";
import { Div } from "../../ops/elementwise/binary.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";

export interface DivOptions {
  /** "floor": the largest integer that is not larger; "trunc": towards zero; null (default): the quotient. */
  roundingMode?: "floor" | "trunc" | null;
}

/** `x / other`, rounded as the options say. */
export function divRounded(x: Tensor, other: Tensor | number, options: DivOptions): Tensor {
  const { roundingMode } = readOptions<Required<DivOptions>>("div", options, { roundingMode: null });
  if (roundingMode === null) return apply(new Div(), x, other);
  checkChoice("div", "roundingMode", roundingMode, ["floor", "trunc"]);
  return composed("div", () => {
    if (roundingMode === "floor") return x.floorDivide(other);
    const areIntegers = typeof other === "number" ? Number.isInteger(other) : other.dtype !== "float32";
    if (x.dtype === "float32" || !areIntegers) return x.div(other).trunc();
    return x.sub(x.fmod(other)).floorDivide(other); // a multiple is divided, so the result is exact
  });
}
