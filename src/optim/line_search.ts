import type { Tensor } from "../tensor/tensor.ts";

/** A point on the search line: its step, and there the loss, the gradient and the slope along the line. */
export interface LinePoint {
  t: number;
  loss: number;
  grad: Tensor;
  slope: number;
}

/** Share of the predicted decrease that a step must reach, and share of the slope that may remain. */
const DECREASE = 1e-4;
const CURVATURE = 0.9;
const MOST_EVALUATIONS = 25;

/** The minimum between two points of the cubic with their losses and slopes. */
function cubicMinimum(a: LinePoint, b: LinePoint, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? [Math.min(a.t, b.t), Math.max(a.t, b.t)];
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t);
  const square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2);
  return Math.min(Math.max(right.t - (right.t - left.t) * share, low), high);
}

/**
 * Finds a step along a line that satisfies the strong Wolfe conditions. As in PyTorch, it first looks for two
 * points around such a step, then narrows them down.
 *
 * @param start the point at t = 0; @param first the first step to try; @param reach largest element of the
 *   line's direction
 * see: Nocedal & Wright, Numerical optimization, 2006, algorithms 3.5 and 3.6
 */
export function strongWolfe(
  evaluate: (t: number) => LinePoint,
  start: LinePoint,
  first: number,
  reach: number,
  toleranceChange: number,
): { point: LinePoint; evaluations: number } {
  const tooHigh = (point: LinePoint) => point.loss > start.loss + DECREASE * point.t * start.slope;
  const isFlat = (point: LinePoint) => Math.abs(point.slope) <= -CURVATURE * start.slope;
  let point = evaluate(first);
  let evaluations = 1;
  let before = start;
  let bracket: [LinePoint, LinePoint] | undefined;
  let round = 0;
  for (; round < MOST_EVALUATIONS && !bracket; round++) {
    if (tooHigh(point) || (round > 1 && point.loss >= before.loss)) bracket = [before, point];
    else if (isFlat(point)) return { point, evaluations };
    else if (point.slope >= 0) bracket = [before, point];
    else {
      const t = cubicMinimum(before, point, [point.t + 0.01 * (point.t - before.t), point.t * 10]);
      before = point;
      point = evaluate(t);
      evaluations++;
    }
    if (bracket) break;
  }
  bracket ??= [start, point];
  let lower = bracket[0].loss <= bracket[1].loss ? 0 : 1;
  let stalled = false;
  for (; round < MOST_EVALUATIONS; round++) {
    const [least, most] = [Math.min(bracket[0].t, bracket[1].t), Math.max(bracket[0].t, bracket[1].t)];
    if ((most - least) * reach < toleranceChange) break;
    let t = cubicMinimum(bracket[0], bracket[1]);
    const margin = 0.1 * (most - least);
    if (Math.min(most - t, t - least) < margin) {
      // two steps close to an end, or one at it: move away from it
      if (stalled || t >= most || t <= least) {
        t = Math.abs(t - most) < Math.abs(t - least) ? most - margin : least + margin;
        stalled = false;
      } else stalled = true;
    } else stalled = false;
    point = evaluate(t);
    evaluations++;
    if (tooHigh(point) || point.loss >= bracket[lower].loss) {
      bracket[1 - lower] = point;
      lower = bracket[0].loss <= bracket[1].loss ? 0 : 1;
      continue;
    }
    const done = isFlat(point);
    if (!done && point.slope * (bracket[1 - lower].t - bracket[lower].t) >= 0) bracket[1 - lower] = bracket[lower];
    bracket[lower] = point;
    if (done) break;
  }
  return { point: bracket[lower], evaluations };
}
