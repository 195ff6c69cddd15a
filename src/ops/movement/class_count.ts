import { OptionError } from "../../errors.ts";

/** Maximum number of classes that is accepted if only the labels determine it. */
export const MOST_CLASSES = 1_000_000;

/** Throws for a label that is implausibly large: so many classes would fill the memory. */
export function refuseLabel(op: string, label: number, place: string, advice: string): never {
  throw new OptionError(
    `${op}: label ${label} of ${place} would make ${label + 1} classes, expected at most ${MOST_CLASSES} where their ` +
      `number is not given; ${advice}`,
  );
}

/** One more than the largest label. `what` names the items with labels in an error: "image". */
export function countClasses(op: string, labels: ArrayLike<number>, what: string, advice: string): number {
  let largest = -1;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] >= MOST_CLASSES) refuseLabel(op, labels[i], `${what} ${i}`, advice);
    if (labels[i] > largest) largest = labels[i];
  }
  return largest + 1;
}
