import { launch } from "../wasm/kernels.ts";
import { ELEMENTWISE_GRAIN, type NDArray } from "./array.ts";

/** A parameter and its gradient: float32 and of one shape, as a tensor's `grad` is. State has that shape, too. */
interface Update {
  param: NDArray;
  grad: NDArray;
}

/** Tells the graph and the caches of packed weights that arrays were written to. */
function changed(...arrays: (NDArray | null)[]): void {
  for (const array of arrays) if (array) array.block.version++;
}

/** `buffer = momentum · buffer + gradScale · d; p -= lr · buffer` (see the kernel); without momentum there is no buffer. */
export function sgdStep(
  update: Update & { momentumBuffer: NDArray | null },
  o: { lr: number; momentum: number; gradScale: number; nesterov: boolean; weightDecay: number },
): void {
  const { param, grad, momentumBuffer: buffer } = update;
  // biome-ignore format: the kernel's argument list
  launch(
    "sgdStep", param.size, ELEMENTWISE_GRAIN, param.ptr, grad.ptr, buffer?.ptr ?? 0,
    o.lr, o.momentum, o.gradScale, Number(o.nesterov), o.weightDecay,
  );
  changed(param, buffer);
}

/** One step of Adam: `weightDecay` enters the gradient, `shrink` scales the parameter (AdamW). */
export function adamStep(
  update: Update & { mean: NDArray; square: NDArray; maxSquare: NDArray | null },
  o: {
    beta1: number;
    beta2: number;
    eps: number;
    weightDecay: number;
    shrink: number;
    stepSize: number;
    correction: number;
  },
): void {
  const { param, grad, mean, square, maxSquare } = update;
  // biome-ignore format: the kernel's argument list
  launch(
    "adamStep", param.size, ELEMENTWISE_GRAIN, param.ptr, grad.ptr, mean.ptr, square.ptr, maxSquare?.ptr ?? 0,
    o.beta1, 1 - o.beta1, o.beta2, 1 - o.beta2, o.weightDecay, o.shrink, o.stepSize, o.correction, o.eps,
  );
  changed(param, mean, square, maxSquare);
}

/** One step of RMSprop, with a mean gradient (centered) and a momentum buffer where given. */
export function rmspropStep(
  update: Update & { square: NDArray; mean: NDArray | null; momentumBuffer: NDArray | null },
  o: { lr: number; alpha: number; eps: number; momentum: number; weightDecay: number },
): void {
  const { param, grad, square, mean, momentumBuffer: buffer } = update;
  // biome-ignore format: the kernel's argument list
  launch(
    "rmspropStep", param.size, ELEMENTWISE_GRAIN, param.ptr, grad.ptr, square.ptr, mean?.ptr ?? 0, buffer?.ptr ?? 0,
    o.lr, o.alpha, 1 - o.alpha, o.eps, o.momentum, o.weightDecay,
  );
  changed(param, square, mean, buffer);
}
