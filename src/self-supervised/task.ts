import { checkNumber, describeReturned } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { ModuleDict } from "../nn/layers/container.ts";
import { checkModule, Module } from "../nn/module.ts";
import type { Generator } from "../tensor/generator.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { ImageColumn } from "../vision/index.ts";
import type { Encoder } from "./encoder.ts";

/** A batch for a pretext task: images without labels. */
export interface PretextBatch {
  /** float32 [N,3,H,W] in [0, 1]. */
  images: Tensor;
  /** int32 [N]: the images' indices in the data set, for augmentation. */
  indices: Tensor;
  epoch: number;
  /** The random generator of masks and rotations. Default: the generator that `manualSeed` seeds. */
  generator?: Generator;
}

/** A loss, and other numbers that measure how well the task is solved. */
export type TaskResult = { loss: Tensor } & Record<string, Tensor | number>;

/**
 * A task whose labels come from the images: something is hidden or changed, and a head on the encoder's
 * features has to predict it. A task is a module that contains the head. The encoder is shared and passed to
 * `forward`.
 */
export abstract class PretextTask extends Module {
  abstract override forward(encoder: Encoder, batch: PretextBatch): TaskResult;

  /** Columns of a picture of the task's inputs and outputs. Only for tasks whose results are images. */
  show?(encoder: Encoder, batch: PretextBatch): ImageColumn[];
}

/**
 * One encoder and one or more tasks. The loss is the weighted sum of the tasks' losses.
 *
 * @param tasks by name; @param weights of the tasks' losses, by name (default 1)
 * @throws OptionError for a weight without a task.
 * @example
 * ```ts
 * import { rand, tensor } from "wasmgrad";
 * import { Denoising, Encoder, MultiTask, Rotation } from "wasmgrad/self-supervised";
 * const encoder = new Encoder({ channels: [8, 16, 32] });
 * const tasks = { rotation: new Rotation(32), denoising: new Denoising(32) };
 * const model = new MultiTask(encoder, tasks, { denoising: 10 });
 * const indices = tensor([0, 1, 2, 3], { dtype: "int32" });
 * const batch = { images: rand([4, 3, 32, 32]), indices, epoch: 0 };
 * // loss rotationLoss rotationAccuracy denoisingLoss
 * console.log(Object.keys(model.forward(batch)).join(" "));
 * ```
 */
export class MultiTask extends Module {
  encoder: Encoder;
  tasks: ModuleDict;
  readonly weights: Readonly<Record<string, number>>;

  constructor(encoder: Encoder, tasks: Record<string, PretextTask>, weights: Record<string, number> = {}) {
    super();
    checkModule("MultiTask", "encoder", encoder);
    const names = Object.keys(tasks ?? {});
    for (const name of names) checkModule("MultiTask", `task "${name}"`, tasks[name]);
    if (names.length === 0) throw new OptionError("MultiTask: expected one task or more");
    for (const [name, weight] of Object.entries(weights)) {
      if (!names.includes(name))
        throw new OptionError(`MultiTask: a weight for "${name}", tasks are ${names.join(", ")}`);
      checkNumber("MultiTask", `weight of ${name}`, weight, 0);
    }
    this.encoder = encoder;
    this.tasks = new ModuleDict(tasks);
    this.weights = weights;
  }

  /**
   * Returns the weighted sum as `loss`, and each task's numbers prefixed with its name: `rotationLoss`,
   * `rotationAccuracy`.
   */
  override forward(batch: PretextBatch): TaskResult {
    const numbers: Record<string, Tensor | number> = {};
    let total: Tensor | undefined;
    for (const [name, task] of this.tasks.ownModules()) {
      const result: TaskResult = (task as PretextTask).forward(this.encoder, batch);
      if (!(result?.loss instanceof Tensor)) {
        throw new OptionError(
          `MultiTask: task "${name}" expected to return { loss: a tensor, ... }, got ${describeReturned(result)}`,
        );
      }
      const { loss, ...others } = result;
      const weighted = loss.mul(this.weights[name] ?? 1);
      total = total ? total.add(weighted) : weighted;
      numbers[`${name}Loss`] = loss;
      for (const [other, value] of Object.entries(others))
        numbers[name + other[0].toUpperCase() + other.slice(1)] = value;
    }
    return { loss: total as Tensor, ...numbers };
  }
}
