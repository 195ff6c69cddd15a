import { NULL } from "../../runtime/address.ts";
import { withFrame } from "../../runtime/frame.ts";
import { launch } from "../../runtime/kernels.ts";
import { ELEMENTWISE_GRAIN, floatTable, intTable, type NDArray } from "../core/array.ts";

/** A parameter and its gradient: float32 and of one shape, as a tensor's `grad` is. State has that shape, too. */
interface Update {
  param: NDArray;
  grad: NDArray;
}

/** Tells the graph and the caches of packed weights that arrays are written to: before it happens, for it may happen by halves. */
function changing(...arrays: (NDArray | null)[]): void {
  for (const array of arrays) if (array) array.block.version++;
}

/** `buffer = momentum · buffer + gradScale · d; p -= lr · buffer` (see the kernel); without momentum there is no buffer. */
export function sgdStep(
  update: Update & { momentumBuffer: NDArray | null },
  o: { lr: number; momentum: number; gradScale: number; nesterov: boolean; weightDecay: number },
): void {
  const { param, grad, momentumBuffer: buffer } = update;
  changing(param, buffer);
  // biome-ignore format: the kernel's argument list
  launch(
    "sgdStep", param.size, ELEMENTWISE_GRAIN, param.address, grad.address, buffer?.address ?? NULL,
    o.lr, o.momentum, o.gradScale, Number(o.nesterov), o.weightDecay,
  );
}

/** Elements of a parameter that a thread takes at a time: ADAM_CHUNK in assembly/optim/steps.ts. */
const ADAM_CHUNK = 4096;

export interface AdamUpdate extends Update {
  mean: NDArray;
  square: NDArray;
  maxSquare: NDArray | null;
  /** lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t). */
  stepSize: number;
  correction: number;
}

/** One step of Adam for all parameters of a group: `weightDecay` enters the gradient, `shrink` scales the parameter (AdamW). */
export function adamStep(
  updates: readonly AdamUpdate[],
  o: { beta1: number; beta2: number; eps: number; weightDecay: number; shrink: number },
): void {
  let units = 0;
  const rows: number[] = [];
  const scales: number[] = [];
  for (const { param, grad, mean, square, maxSquare, stepSize, correction } of updates) {
    units += Math.ceil(param.size / ADAM_CHUNK);
    rows.push(param.address, grad.address, mean.address, square.address, maxSquare?.address ?? NULL, param.size, units);
    scales.push(stepSize, correction);
    changing(param, mean, square, maxSquare);
  }
  withFrame(() => {
    // biome-ignore format: the kernel's argument list
    launch(
      "adamStep", units, 1, intTable(rows), floatTable(scales),
      o.beta1, 1 - o.beta1, o.beta2, 1 - o.beta2, o.weightDecay, o.shrink, o.eps,
    );
  });
}

/** One step of RMSprop, with a mean gradient (centered) and a momentum buffer where given. */
export function rmspropStep(
  update: Update & { square: NDArray; mean: NDArray | null; momentumBuffer: NDArray | null },
  o: { lr: number; alpha: number; eps: number; momentum: number; weightDecay: number },
): void {
  const { param, grad, square, mean, momentumBuffer: buffer } = update;
  changing(param, square, mean, buffer);
  // biome-ignore format: the kernel's argument list
  launch(
    "rmspropStep", param.size, ELEMENTWISE_GRAIN, param.address, grad.address, square.address, mean?.address ?? NULL, buffer?.address ?? NULL,
    o.lr, o.alpha, 1 - o.alpha, o.eps, o.momentum, o.weightDecay,
  );
}
