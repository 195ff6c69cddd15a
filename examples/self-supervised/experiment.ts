import { DataError, type nn, type optim, optim as optimizers, type Tensor } from "wasmgrad";
import { type Dataset, Subset } from "wasmgrad/data";
import type { Config, Run } from "wasmgrad/train";
import { augment, type ChannelStatistics, CIFAR10 } from "wasmgrad/vision";

/** A program that is run by name, with options, and writes into its own folder. */
export interface Experiment<C extends Config = Config> {
  name: string;
  /** One line for --help and the report. */
  about: string;
  /** Every option and its default. `seed` is always one. */
  defaults: C;
  /** The options that a run of a few seconds replaces. */
  quick: Partial<C>;
  /** Trains, writes pictures, and returns its results: numbers by name. */
  run(config: C, run: Run): Promise<Record<string, number>>;
}

/** Gives an experiment its type. */
export function experiment<C extends Config & { seed: number }>(one: Experiment<C>): Experiment {
  return one as unknown as Experiment;
}

export type Images = Dataset<readonly (Tensor | number)[], Tensor[]> & { targets: Int32Array };

/** The first `count` images of a set, or all with 0. */
export function firstImages(set: Images, count: number): Images {
  const length = count === 0 ? set.length : Math.min(count, set.length);
  return chosenImages(
    set,
    Array.from({ length }, (_, i) => i),
  );
}

/** The images of given indices, with their labels. */
export function chosenImages(set: Images, indices: readonly number[]): Images {
  return Object.assign(new Subset(set, indices), { targets: Int32Array.from(indices, (i) => set.targets[i]) });
}

/**
 * CIFAR-10, pixels in [0, 1], and the statistics of its training images: the sample in the repository, or
 * "cifar10" (./data, downloaded once), or another folder.
 */
export async function loadImages(config: {
  data: string;
  trainImages: number;
  testImages: number;
}): Promise<{ train: Images; test: Images; statistics: ChannelStatistics }> {
  const load = (train: boolean): Promise<CIFAR10> => {
    if (config.data === "sample") return CIFAR10.sample({ train });
    const whole = config.data === "cifar10";
    return CIFAR10.load({ root: whole ? "./data" : config.data, train, download: whole });
  };
  if (config.data === "") throw new DataError("--data: expected sample, cifar10 or a folder");
  const [train, test] = [await load(true), await load(false)];
  const statistics = train.statistics();
  return {
    statistics,
    train: firstImages(train, config.trainImages),
    test: firstImages(test, config.testImages),
  };
}

/** Options of all experiments on images. */
export const IMAGES = { data: "cifar10", trainImages: 0, testImages: 0, seed: 0 };
/** The same for a run of a few seconds. */
export const QUICK_IMAGES = { data: "sample", trainImages: 128, testImages: 50 };

/** The usual augmentation: shifts by up to 4 pixels, and horizontal flips. */
export const shift = augment.compose([augment.randomCrop(), augment.horizontalFlip()]);

/** Number of learnable parameters of a module. */
export function countParameters(module: nn.Module): number {
  return module.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
}

/** AdamW, and a schedule over all steps: a linear warm-up of a twentieth, then a cosine down to 0. */
export function adamWithSchedule(
  params: optim.AdamW["paramGroups"][number]["params"] | { params: Tensor[]; lr: number }[],
  lr: number,
  weightDecay: number,
  steps: number,
) {
  const optimizer = new optimizers.AdamW(params, { lr, weightDecay });
  const warmup = Math.max(1, Math.round(steps / 20));
  const scheduler = new optimizers.SequentialLR(
    optimizer,
    [
      new optimizers.LinearLR(optimizer, { startFactor: 0.1, totalIters: warmup }),
      new optimizers.CosineAnnealingLR(optimizer, { tMax: Math.max(1, steps - warmup) }),
    ],
    { milestones: [warmup] },
  );
  return { optimizer, scheduler };
}
