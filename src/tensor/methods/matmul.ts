import { MatMul } from "../../ops/matmul/matmul.ts";
import { apply } from "../apply.ts";
import type { Tensor } from "../tensor.ts";
import { TensorMovement } from "./movement.ts";

/** Matrix products. */
export abstract class TensorMatmul extends TensorMovement {
  /** Matrix product, see `matmul()`. */
  matmul(other: Tensor): Tensor {
    return apply(new MatMul(), this, other);
  }
}
