import { checkFunction, checkNumber, describe } from "../checks.ts";
import { DTypeError, OptionError } from "../errors.ts";
import { NormalizePlanesOp } from "../gradients/rules/movement.ts";
import { apply, expectTensor } from "../tensor/apply.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { runSteps, type Step } from "./run_steps.ts";

/**
 * A function applied to a batch of images [N,C,H,W] or to one image [C,H,W]. It takes a tensor and returns a
 * tensor.
 */
export type Transform = (images: Tensor) => Tensor;

/**
 * @internal The arguments of `normalize`, stored on the function so that a data set can normalize while it
 *   gathers the batch.
 */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const identity: Transform = (images) => {
  expectTensor("toTensor", "images", images);
  if (images.dtype !== "float32") {
    throw new DTypeError(`toTensor: expected float32 images in [0, 1], got ${images.dtype}`);
  }
  return images;
};
const normalizations = new WeakMap<Transform, Normalization>();
const parts = new WeakMap<Transform, readonly Step[]>();

/**
 * Pixels as float32 in [0, 1], channels first: `byte / 255`. Matches `torchvision.transforms.ToTensor`. Image
 * data sets always return such tensors, so this transform is only for documentation: it returns float32
 * tensors unchanged.
 *
 * @throws DTypeError for a tensor that is not float32.
 */
export function toTensor(): Transform {
  return identity;
}

/**
 * `y[c] = (x[c] - mean[c]) / std[c]` for images [N,C,H,W] or [C,H,W]. Matches
 * `torchvision.transforms.Normalize`. As the first step of a data set's transform (after `toTensor`) it takes
 * no extra time, because it is computed while the batch is gathered.
 *
 * @param mean one number per channel.
 * @param std one number per channel, not 0.
 * @throws OptionError for lists of different lengths, NaN or a standard deviation of 0; ShapeError when the
 *   images have another number of channels.
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { transforms } from "wasmgrad/vision";
 * const image = tensor([[[0, 0.5, 1]]]);
 * console.log(transforms.normalize([0.5], [0.5])(image).toArray()); // [[[-1, 0, 1]]]
 * ```
 */
export function normalize(mean: readonly number[], std: readonly number[]): Transform {
  const means = checkList("mean", mean);
  const stds = checkList("std", std);
  if (means.length !== stds.length) {
    throw new OptionError(`normalize: expected as many std as mean, got ${means.length} mean and ${stds.length} std`);
  }
  if (stds.includes(0)) throw new OptionError(`normalize: std expected numbers other than 0, got [${stds.join(", ")}]`);
  const transform: Transform = (images) => apply(new NormalizePlanesOp(means, stds), images);
  normalizations.set(transform, { mean: means, std: stds });
  return transform;
}

function checkList(name: string, values: readonly number[]): number[] {
  if (!Array.isArray(values) || values.length === 0) {
    throw new OptionError(
      `normalize: ${name} expected an array of one number per channel, got ${JSON.stringify(values)}`,
    );
  }
  return values.map((value, c) => checkNumber("normalize", `${name}[${c}]`, value));
}

/**
 * Runs several transforms one after the other, on whole batches. Matches `torchvision.transforms.Compose`.
 * Exported as `transforms.compose`; `augment.compose` combines augmentations, which get the images' indices.
 *
 * @throws OptionError for anything that is not a function.
 * @example
 * ```ts
 * import { transforms } from "wasmgrad/vision";
 * const t = transforms.compose([transforms.toTensor(), transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])]);
 * console.log(typeof t); // "function"
 * ```
 */
export function compose(transforms: readonly Transform[]): Transform {
  if (!Array.isArray(transforms)) {
    throw new OptionError(`compose: expected an array of transforms, got ${describe(transforms)}`);
  }
  const steps = transforms.flatMap((transform, i): Step[] => {
    checkFunction("compose", `transform ${i}`, transform);
    const inner = parts.get(transform);
    return inner
      ? inner.map((step) => within(i, step))
      : [{ run: transform, name: `transform ${i}${named(transform)}` }];
  });
  const composed: Transform = (images) => runSteps("compose", steps, images);
  parts.set(composed, steps);
  return composed;
}

/** A step of a transform that is itself step `i` of another one. The name in errors shows both. */
function within(i: number, { run, name }: Step): Step {
  return { run, name: name.replace("transform ", `transform ${i}.`) };
}

function named(transform: Transform): string {
  return transform.name === "" ? "" : ` (${transform.name})`;
}

/**
 * @internal Splits a transform into a normalization that `ByteImages.gather` computes for `channels`
 *   channels, and the remaining steps, which are applied to the batch.
 */
export function splitTransform(
  transform: Transform | undefined,
  channels: number,
): { gathered: Normalization; rest: readonly Step[] } {
  const steps = transform ? (parts.get(transform) ?? [{ run: transform, name: `transform${named(transform)}` }]) : [];
  const rest = steps.filter(({ run }) => run !== identity);
  const first = rest.length > 0 ? normalizations.get(rest[0].run) : undefined;
  if (first && first.mean.length === channels) return { gathered: first, rest: rest.slice(1) };
  // these values normalise nothing: x - 0 and x / 1 are exact
  return { gathered: { mean: new Array(channels).fill(0), std: new Array(channels).fill(1) }, rest };
}

export { centerCrop, grayscale, pad, resize } from "./geometry.ts";
export { gaussianBlur, type RandomOptions, randomErasing, randomResizedCrop } from "./random_transforms.ts";
