import { ELEMENTWISE_GRAIN, type NDArray } from "../core/array.ts";
import { launch } from "./kernels.ts";

/** A parameter, its gradient, and the two arrays of the optimizer's state. All have the same shape. */
export interface AdaptiveUpdate {
  param: NDArray;
  grad: NDArray;
  first: NDArray;
  second: NDArray;
}

/**
 * Increments the versions of a parameter and its state, which the launch after it changes, so that autograd
 * and the caches of packed weights notice.
 */
function changing({ param, first, second }: AdaptiveUpdate): void {
  for (const { block } of new Set([param, first, second])) block.version++;
}

/** The addresses with which the kernels' arguments begin. */
const addresses = (u: AdaptiveUpdate) => [u.param.address, u.grad.address, u.first.address, u.second.address] as const;

/** One step of Adagrad. `sum`: sums of squared gradients. */
export function adagradStep(
  { param, grad, sum }: { param: NDArray; grad: NDArray; sum: NDArray },
  o: { lr: number; eps: number; weightDecay: number },
): void {
  changing({ param, grad, first: sum, second: sum });
  const { size } = param;
  launch("adagradStep", size, ELEMENTWISE_GRAIN, param.address, grad.address, sum.address, o.lr, o.eps, o.weightDecay);
}

/** One step of Adadelta. The state: running means of squared gradients and of squared updates. */
export function adadeltaStep(
  update: AdaptiveUpdate,
  o: { lr: number; rho: number; eps: number; weightDecay: number },
): void {
  changing(update);
  const { size } = update.param;
  // biome-ignore format: the kernel's argument list
  launch("adadeltaStep", size, ELEMENTWISE_GRAIN, ...addresses(update), o.lr, o.rho, 1 - o.rho, o.eps, o.weightDecay);
}

/** One step of Adamax. The state: running mean of gradients, and largest decayed magnitudes. */
export function adamaxStep(
  update: AdaptiveUpdate,
  o: { stepSize: number; betas: readonly [number, number]; eps: number; weightDecay: number },
): void {
  changing(update);
  const { size } = update.param;
  const [beta1, beta2] = o.betas;
  // biome-ignore format: the kernel's argument list
  launch(
    "adamaxStep", size, ELEMENTWISE_GRAIN, ...addresses(update),
    o.stepSize, beta1, 1 - beta1, beta2, o.eps, o.weightDecay,
  );
}

interface MomentOptions {
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
  /** The factor by which the parameter is multiplied: decoupled weight decay. */
  shrink: number;
}

/** One step of NAdam. The state: running means of gradients and of their squares. */
export function nadamStep(
  update: AdaptiveUpdate,
  o: MomentOptions & { gradStep: number; meanStep: number; correction: number },
): void {
  changing(update);
  const { size } = update.param;
  const [beta1, beta2] = o.betas;
  // biome-ignore format: the kernel's argument list
  launch(
    "nadamStep", size, ELEMENTWISE_GRAIN, ...addresses(update),
    o.gradStep, o.meanStep, o.correction, beta1, 1 - beta1, beta2, 1 - beta2, o.eps, o.weightDecay, o.shrink,
  );
}

/** One step of RAdam. The state is that of NAdam. A `scale` of 0: the variance is not used. */
export function radamStep(update: AdaptiveUpdate, o: MomentOptions & { stepSize: number; scale: number }): void {
  changing(update);
  const { size } = update.param;
  const [beta1, beta2] = o.betas;
  // biome-ignore format: the kernel's argument list
  launch(
    "radamStep", size, ELEMENTWISE_GRAIN, ...addresses(update),
    o.stepSize, o.scale, beta1, 1 - beta1, beta2, 1 - beta2, o.eps, o.weightDecay, o.shrink,
  );
}

/** One step of Rprop. The state: the gradient before, and the step sizes. */
export function rpropStep(
  update: AdaptiveUpdate,
  o: { etas: readonly [number, number]; stepSizes: readonly [number, number] },
): void {
  changing(update);
  launch("rpropStep", update.param.size, ELEMENTWISE_GRAIN, ...addresses(update), ...o.etas, ...o.stepSizes);
}

/** One step of averaged stochastic gradient descent. */
export function asgdStep(
  { param, grad, average }: { param: NDArray; grad: NDArray; average: NDArray },
  o: { eta: number; shrink: number; share: number; weightDecay: number },
): void {
  changing({ param, grad, first: average, second: average });
  // biome-ignore format: the kernel's argument list
  launch(
    "asgdStep", param.size, ELEMENTWISE_GRAIN, param.address, grad.address, average.address,
    o.eta, o.shrink, o.share, o.weightDecay,
  );
}
