/** A number that depends on the size of the batch: `factor * batch + offset`, where factor is not 0. */
export interface BatchLength {
  readonly factor: number;
  readonly offset: number;
}

/** A length, position or other integer in the exported graph. */
export type Length = number | BatchLength;

/** The shape of a value in the exported graph. */
export type Lengths = readonly Length[];

/**
 * The integer that has `values[i]` where the batch has `batches[i]` samples, or undefined if it is no linear
 * function of the batch.
 */
export function fitLength(values: readonly number[], batches: readonly number[]): Length | undefined {
  const [first] = values;
  if (values.every((value) => value === first)) return first;
  const factor = (values[1] - first) / (batches[1] - batches[0]);
  const offset = first - factor * batches[0];
  const fits = Number.isInteger(factor) && values.every((value, i) => value === factor * batches[i] + offset);
  return fits && factor !== 0 ? { factor, offset } : undefined;
}

export function isFixed(length: Length): length is number {
  return typeof length === "number";
}

export function isSameLength(a: Length, b: Length): boolean {
  if (isFixed(a) || isFixed(b)) return a === b;
  return a.factor === b.factor && a.offset === b.offset;
}

export function areSameLengths(a: Lengths, b: Lengths): boolean {
  return a.length === b.length && a.every((length, i) => isSameLength(length, b[i]));
}

export function addToLength(length: Length, value: number): Length {
  return isFixed(length) ? length + value : { factor: length.factor, offset: length.offset + value };
}

/** The product, or undefined if more than one factor depends on the batch. */
export function productOf(lengths: Lengths): Length | undefined {
  let product: Length = 1;
  for (const length of lengths) {
    if (!isFixed(length) && !isFixed(product)) return undefined;
    const scale: number = isFixed(length) ? length : (product as number);
    const other: Length = isFixed(length) ? product : length;
    product = isFixed(other)
      ? other * scale
      : scale === 0
        ? 0
        : { factor: other.factor * scale, offset: other.offset * scale };
  }
  return product;
}

/** The name of a dimension in the file: "batch", "2*batch+1". */
export function nameOfLength({ factor, offset }: BatchLength): string {
  const scaled = factor === 1 ? "batch" : `${factor}*batch`;
  return offset === 0 ? scaled : `${scaled}${offset > 0 ? "+" : ""}${offset}`;
}
