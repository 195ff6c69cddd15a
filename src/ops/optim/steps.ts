import { NULL } from "../../runtime/address.ts";
import { withFrame } from "../../runtime/frame.ts";
import { ADAM_CHUNK, adamRowWords } from "../../runtime/kernels.generated.ts";
import { ELEMENTWISE_GRAIN, floatTable, intTable, type NDArray } from "../core/array.ts";
import { launch } from "./kernels.ts";

/**
 * A parameter and its gradient, which are float32 of equal shape. The optimizer's state has the same shape.
 */
interface Update {
  param: NDArray;
  grad: NDArray;
}

/**
 * Increments the versions of arrays that are about to be written, so that autograd and the caches of packed
 * weights notice. It is called before the launch, because a kernel that fails may leave the arrays half
 * written.
 */
function changing(...arrays: (NDArray | null)[]): void {
  for (const array of arrays) if (array) array.block.version++;
}

/**
 * `buffer = momentum · buffer + gradScale · d; p -= lr · buffer` (see the kernel). Without momentum there is
 * no buffer.
 */
export function sgdStep(
  update: Update & { momentumBuffer: NDArray | null },
  o: { lr: number; momentum: number; gradScale: number; nesterov: boolean; weightDecay: number },
): void {
  const { param, grad, momentumBuffer } = update;
  changing(param, momentumBuffer);
  // biome-ignore format: the kernel's argument list
  launch(
    "sgdStep", param.size, ELEMENTWISE_GRAIN, param.address, grad.address, momentumBuffer?.address ?? NULL,
    o.lr, o.momentum, o.gradScale, Number(o.nesterov), o.weightDecay,
  );
}

export interface AdamUpdate extends Update {
  expAvg: NDArray;
  expAvgSq: NDArray;
  maxExpAvgSq: NDArray | null;
  /** lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t). */
  stepSize: number;
  correction: number;
}

/**
 * One step of Adam for all parameters of a group: `weightDecay · p` is added to the gradient (L2 penalty);
 * `shrink` scales the parameter (AdamW).
 */
export function adamStep(
  updates: readonly AdamUpdate[],
  o: { beta1: number; beta2: number; eps: number; weightDecay: number; shrink: number },
): void {
  let units = 0;
  const rows: number[] = [];
  const scales: number[] = [];
  for (const { param, grad, expAvg, expAvgSq, maxExpAvgSq, stepSize, correction } of updates) {
    units += Math.ceil(param.size / ADAM_CHUNK);
    const row = adamRowWords({
      param: param.address,
      grad: grad.address,
      expAvg: expAvg.address,
      expAvgSq: expAvgSq.address,
      maxExpAvgSq: maxExpAvgSq?.address ?? NULL,
      size: param.size,
      endUnit: units,
    });
    rows.push(...row);
    scales.push(stepSize, correction);
    changing(param, expAvg, expAvgSq, maxExpAvgSq);
  }
  withFrame(() => {
    // biome-ignore format: the kernel's argument list
    launch(
      "adamStep", units, 1, intTable(rows), floatTable(scales),
      o.beta1, 1 - o.beta1, o.beta2, 1 - o.beta2, o.weightDecay, o.shrink, o.eps,
    );
  });
}

/** One step of RMSprop. A running mean of the gradient (centered) and a momentum buffer are optional. */
export function rmspropStep(
  update: Update & { squareAvg: NDArray; gradAvg: NDArray | null; momentumBuffer: NDArray | null },
  o: { lr: number; alpha: number; eps: number; momentum: number; weightDecay: number },
): void {
  const { param, grad, squareAvg, gradAvg, momentumBuffer } = update;
  changing(param, squareAvg, gradAvg, momentumBuffer);
  // biome-ignore format: the kernel's argument list
  launch(
    "rmspropStep", param.size, ELEMENTWISE_GRAIN, param.address, grad.address, squareAvg.address,
    gradAvg?.address ?? NULL, momentumBuffer?.address ?? NULL,
    o.lr, o.alpha, 1 - o.alpha, o.eps, o.momentum, o.weightDecay,
  );
}
