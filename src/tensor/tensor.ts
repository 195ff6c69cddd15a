import { setTensorClass } from "./core.ts";
import { TensorMatmul } from "./methods/matmul.ts";

/**
 * A dense, row-major, multi-dimensional array of float32, int32 or bool with automatic differentiation.
 * Created by `tensor`, `zeros`, `rand` … and by operations on other tensors. Methods have PyTorch's names, in
 * camelCase.
 */
export class Tensor extends TensorMatmul {
  static {
    setTensorClass(Tensor);
  }
}
