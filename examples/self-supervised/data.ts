import { scope, tensor } from "wasmgrad";
import { contrastiveAugmentation } from "wasmgrad/self-supervised";
import { type Augmentation, augment, checkImages, imageGrid } from "wasmgrad/vision";
import { experiment, firstImages, IMAGES, loadImages, QUICK_IMAGES } from "./experiment.ts";

const AUGMENTATIONS: Record<string, Augmentation> = {
  crop: augment.randomCrop(),
  flip: augment.horizontalFlip(),
  rotation: augment.rotation({ degrees: 15 }),
  stretch: augment.resizedCrop(),
  colours: augment.colorJitter(),
  grey: augment.grayscale({ p: 1 }),
  cutout: augment.cutout(),
  noise: augment.gaussianNoise(),
  contrast: contrastiveAugmentation(),
};

export default experiment({
  name: "data",
  about: "inspects the images: statistics, constant images and duplicates, the effect of each augmentation",
  defaults: IMAGES,
  quick: QUICK_IMAGES,
  async run(config, run) {
    const { train, test, statistics } = await loadImages(config);
    const results: Record<string, number> = {};
    for (const [name, set] of Object.entries({ train, test })) {
      const { constant, duplicates, wrongSize } = checkImages(set);
      results[`${name}_images`] = set.length;
      results[`${name}_constant`] = constant.length;
      results[`${name}_copies`] = duplicates.reduce((sum, group) => sum + group.length - 1, 0);
      results[`${name}_wrongSize`] = wrongSize.length;
      scope(() => {
        // the first of each group of equal images, beside its duplicate
        const pairs = duplicates.slice(0, 6);
        if (pairs.length === 0) return;
        const column = (place: number) => set.batch!(pairs.map((group) => group[place]))[0];
        const columns = [0, 1].map((place) => ({ label: place === 0 ? "image" : "copy", images: column(place) }));
        run.picture(`copies-${name}`, imageGrid(columns, { perRow: 6 }));
      });
    }
    scope(() => {
      const indices = Array.from({ length: 6 }, (_, i) => i);
      const [images] = firstImages(train, 6).batch!(indices);
      const place = { indices: tensor(Int32Array.from(indices)), seed: config.seed };
      const columns = Object.entries(AUGMENTATIONS).map(([label, change]) => ({
        label,
        images: change(images, place),
      }));
      run.picture("augmentations", imageGrid([{ label: "original", images }, ...columns], { scale: 3 }));
    });
    const channels = ["red", "green", "blue"];
    channels.forEach((channel, c) => {
      results[`${channel}_mean`] = statistics.mean[c];
      results[`${channel}_std`] = statistics.std[c];
    });
    return results;
  },
});
