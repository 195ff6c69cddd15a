import { describe } from "../checks.ts";
import { DTypeError, formatShape, ShapeError } from "../errors.ts";
import { checkElement } from "../ops/elementwise/fill.ts";
import { joinRows } from "../ops/movement/rows.ts";
import { tensor } from "../tensor/creation.ts";
import { leaf } from "../tensor/leaf.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Sample } from "./dataset.ts";

function typeName(value: unknown): string {
  return value instanceof Tensor ? `${value.dtype} ${formatShape(value.shape)}` : describe(value);
}

function stackTensors(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  const other = parts.find(({ dtype }) => dtype !== first.dtype);
  if (other) throw new DTypeError(`collate: expected ${first.dtype} in all samples, got ${typeName(other)}`);
  return leaf(() =>
    joinRows(
      "collate",
      parts.map(({ array }) => array),
    ),
  );
}

/**
 * Makes a batch of samples, one tensor for each part of a sample: tensors are stacked along a new first
 * dimension, integers become an int32 tensor.
 *
 * @param name returns the name of sample i for errors
 * @throws ShapeError when samples are not arrays or differ in shape or number of parts; DTypeError when they
 *   differ in dtype or contain anything but tensors and integers; OptionError for an integer outside the
 *   range of int32.
 */
export function defaultCollate(samples: readonly Sample[], name = (i: number) => `sample ${i}`): Tensor[] {
  const count = Array.isArray(samples[0]) ? samples[0].length : -1;
  for (const [i, sample] of samples.entries()) {
    if (!Array.isArray(sample) || sample.length !== count) {
      const actual = Array.isArray(sample) ? `${sample.length} parts` : describe(sample);
      const expected = count < 0 ? "an array of tensors and integers" : `${count} parts, as in the first`;
      throw new ShapeError(`collate: ${name(i)} expected ${expected}, got ${actual}; or pass a collate function`);
    }
  }
  return Array.from({ length: count }, (_, part) => {
    const values = samples.map((sample) => sample[part]);
    if (values.every((value) => value instanceof Tensor)) return stackTensors(values);
    // a real number may happen to be an integer (1.0), so plain numbers are never collated as float32
    const integers = values.every(Number.isInteger);
    if (integers) {
      for (const [i, value] of values.entries()) checkElement("collate", `part ${part} of sample ${i}`, value, "int32");
      return tensor(Int32Array.from(values as number[]));
    }
    const some = values.findIndex((value) => !Number.isInteger(value) && !(value instanceof Tensor));
    const at = some >= 0 ? some : values.findIndex((value) => value instanceof Tensor);
    throw new DTypeError(
      `collate: part ${part} of ${name(at)} expected tensors, or integers (labels), got ${typeName(values[at])}` +
        `${some < 0 ? ` together with ${values.find(Number.isInteger)}` : ""}; for real numbers return tensor(value)`,
    );
  });
}
