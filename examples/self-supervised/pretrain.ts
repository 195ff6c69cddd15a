import { Generator, manualSeed, OptionError, scope } from "wasmgrad";
import { DataLoader, withIndices } from "wasmgrad/data";
import { saveSafetensors } from "wasmgrad/io";
import {
  Contrastive,
  Denoising,
  Encoder,
  embedAll,
  Inpainting,
  inEvalMode,
  knnAccuracy,
  linearProbe,
  MaskedPatches,
  MultiTask,
  type PretextTask,
  Rotation,
  recalibrate,
} from "wasmgrad/self-supervised";
import { summary, Trainer } from "wasmgrad/train";
import { imageGrid } from "wasmgrad/vision";
import {
  adamWithSchedule,
  experiment,
  firstImages,
  IMAGES,
  type Images,
  loadImages,
  QUICK_IMAGES,
  shift,
} from "./experiment.ts";

/** All tasks, each with a weight that scales its loss to about the size of the others'. */
const TASKS: Record<string, { weight: number; make: (features: number, temperature: number) => PretextTask }> = {
  inpainting: { weight: 20, make: (features) => new Inpainting(features, { mask: "pixels", augment: shift }) },
  blocks: { weight: 20, make: (features) => new Inpainting(features, { mask: "blocks", augment: shift }) },
  denoising: { weight: 20, make: (features) => new Denoising(features, { augment: shift }) },
  rotation: { weight: 1, make: (features) => new Rotation(features, { augment: shift }) },
  contrastive: { weight: 1, make: (features, temperature) => new Contrastive(features, { temperature }) },
  patches: { weight: 1, make: (features) => new MaskedPatches(features, { augment: shift }) },
};

/** The tasks' losses and accuracies on a set, with the same masks and rotations in every call. */
function evaluateTasks(model: MultiTask, set: Images): Record<string, number> {
  const generator = new Generator(20_091);
  const sums: Record<string, number> = {};
  inEvalMode(model, () => {
    for (const [images, , indices] of new DataLoader(withIndices(set), {
      batchSize: 250,
      dropLast: set.length > 250,
    })) {
      for (const [name, value] of Object.entries(model.forward({ images, indices, epoch: 0, generator }))) {
        const number = typeof value === "number" ? value : value.item();
        sums[name] = (sums[name] ?? 0) + number * images.shape[0];
      }
    }
  });
  const counted = set.length > 250 ? set.length - (set.length % 250) : set.length;
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [`test_${name}`, sum / counted]));
}

/** Evaluates the frozen encoder: nearest neighbours, and a linear classifier on its features. */
export function probe(encoder: Encoder, train: Images, test: Images, seed: number) {
  return scope(() => {
    recalibrate(encoder, train);
    const [from, on] = [embedAll(encoder, train), embedAll(encoder, test)];
    const linear = linearProbe(from, on, { seed, epochs: 20 });
    return { knn: knnAccuracy(from, on), linearProbe: linear.testAccuracy };
  });
}

export default experiment({
  name: "pretrain",
  about:
    "trains an encoder on unlabelled images with any set of pretext tasks; probes it with k-NN and a linear classifier",
  defaults: {
    ...IMAGES,
    tasks: "rotation",
    epochs: 5,
    batchSize: 128,
    lr: 2e-3,
    weightDecay: 1e-4,
    separable: false,
    /** Channels and numbers of convolutions of the encoder's stages. */
    channels: "32,64,128",
    depths: "1,2,2",
    /** Of the contrastive task's similarities. */
    temperature: 0.2,
    /** Images that the probes learn from. */
    probeImages: 10_000,
  },
  quick: {
    ...QUICK_IMAGES,
    tasks: "rotation,contrastive,patches,inpainting",
    epochs: 1,
    batchSize: 32,
    trainImages: 64,
  },
  async run(config, run) {
    const { train, test, statistics } = await loadImages(config);
    manualSeed(config.seed);
    const [channels, depths] = [config.channels, config.depths].map((list) => list.split(",").map(Number));
    const newEncoder = () => new Encoder({ ...statistics, channels, depths, separable: config.separable });
    const encoder = newEncoder();
    const names = config.tasks.split(",");
    const unknown = names.find((name) => !(name in TASKS));
    if (unknown !== undefined)
      throw new OptionError(`--tasks: "${unknown}" is none of ${Object.keys(TASKS).join(", ")}`);
    const model = new MultiTask(
      encoder,
      Object.fromEntries(names.map((name) => [name, TASKS[name].make(encoder.features, config.temperature)])),
      Object.fromEntries(names.map((name) => [name, TASKS[name].weight])),
    );
    const [probeTrain, some] = [firstImages(train, config.probeImages), firstImages(test, 2000)];
    const random = probe(newEncoder(), probeTrain, test, config.seed);
    const { parameters, flops } = summary(encoder, [1, 3, 32, 32]);

    const loader = new DataLoader(withIndices(train), { batchSize: config.batchSize, shuffle: true, dropLast: true });
    const steps = config.epochs * loader.length;
    const trainer = new Trainer({
      model,
      loader,
      ...adamWithSchedule(model.parameters(), config.lr, config.weightDecay, steps),
      loss: ([images, , indices], { epoch }) => model.forward({ images, indices, epoch }),
      validate: () => evaluateTasks(model, some),
      epochs: config.epochs,
    });
    await run.train("pretraining", trainer);

    const batch = firstImages(test, 8).batch!([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const [name, task] of model.tasks.namedChildren()) {
      const shown = withIndices(test).batch!([0, 1, 2, 3, 4, 5, 6, 7]);
      const place = { images: batch[0], indices: shown[2], epoch: 0, generator: new Generator(1) };
      const columns = inEvalMode(model, () => (task as PretextTask).show?.(encoder, place));
      if (columns) run.picture(name, imageGrid(columns, { perRow: 2 }));
    }
    // the tasks first: a probe recomputes batch norm's statistics for whole images
    const numbers = evaluateTasks(model, test);
    const learned = probe(encoder, probeTrain, test, config.seed);
    scope(() => saveSafetensors(run.file("encoder.safetensors"), encoder.stateDict()));
    return {
      ...numbers,
      knn: learned.knn,
      linearProbe: learned.linearProbe,
      randomKnn: random.knn,
      randomLinearProbe: random.linearProbe,
      parameters,
      megaflops: flops / 1e6,
    };
  },
});
