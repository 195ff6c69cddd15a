import { DataError, formatShape } from "../../errors.ts";
import { tensor } from "../../tensor/creation.ts";
import { HostValue, MAX_HOST_ELEMENTS } from "../host_value.ts";
import type { Operator, OperatorTable } from "../operator.ts";
import { dimsOf } from "./moved.ts";

/** A box by the ends of its two axes. */
type Box = readonly [low0: number, low1: number, high0: number, high1: number];

function readBox(data: ArrayLike<number>, at: number, isCentre: boolean): Box {
  const [a, b, c, d] = [data[at], data[at + 1], data[at + 2], data[at + 3]];
  if (isCentre) return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

const area = ([low0, low1, high0, high1]: Box) => (high0 - low0) * (high1 - low1);

/** The area of the intersection of two boxes over that of their union. */
function overlap(a: Box, b: Box): number {
  const sides = [0, 1].map((d) => Math.min(a[d + 2], b[d + 2]) - Math.max(a[d], b[d]));
  if (sides[0] <= 0 || sides[1] <= 0) return 0;
  const common = sides[0] * sides[1];
  const union = area(a) + area(b) - common;
  return area(a) > 0 && area(b) > 0 && union > 0 ? common / union : 0;
}

/**
 * For each class, the boxes of the best scores that do not overlap with a better one. Computed in JavaScript.
 */
const nonMaxSuppression: Operator = {
  attributes: ["center_point_box"],
  run(call) {
    const [boxes, scores] = [call.float(0).detach(), call.float(1).detach()];
    const [batch, classes, count] = scores.shape;
    if (formatShape(boxes.shape) !== formatShape([batch, count, 4])) {
      throw new DataError(`boxes ${formatShape(boxes.shape)} do not fit the scores ${formatShape(scores.shape)}`);
    }
    const most = call.optionalInts(2)?.[0] ?? 0;
    const threshold = call.inputs[3] === undefined ? 0 : call.number(3);
    const least = call.inputs[4] === undefined ? -Infinity : call.number(4);
    const isCentre = call.attributes.flag("center_point_box", false);
    const [boxData, scoreData] = [boxes.data(), scores.data()];
    const chosen: number[] = [];
    for (let image = 0; image < batch; image++) {
      const all = dimsOf(count).map((i) => readBox(boxData, (image * count + i) * 4, isCentre));
      for (let c = 0; c < classes; c++) {
        const score = (i: number) => scoreData[(image * classes + c) * count + i];
        const candidates = dimsOf(count).filter((i) => score(i) > least);
        candidates.sort((a, b) => score(b) - score(a) || a - b);
        const kept: number[] = [];
        for (const i of candidates) {
          if (kept.length >= most) break;
          if (kept.every((other) => !(overlap(all[i], all[other]) > threshold))) kept.push(i);
        }
        for (const i of kept) chosen.push(image, c, i);
      }
    }
    const shape = [chosen.length / 3, 3];
    if (chosen.length <= MAX_HOST_ELEMENTS) return new HostValue(shape, chosen, "int64");
    return tensor(Int32Array.from(chosen), { shape });
  },
};

/** Operators that choose among found objects. */
export const DETECTION: OperatorTable = { NonMaxSuppression: nonMaxSuppression };
