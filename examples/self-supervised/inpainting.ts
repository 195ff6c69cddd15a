import { cat, Generator, manualSeed, nn, noGrad, rand, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { inEvalMode, meanWhere } from "wasmgrad/self-supervised";
import { MovingAverage, summary, Trainer } from "wasmgrad/train";
import { imageGrid, mse } from "wasmgrad/vision";
import { InpaintingAutoencoder } from "../inpainting/model.ts";
import {
  adamWithSchedule,
  countParameters,
  experiment,
  firstImages,
  IMAGES,
  type Images,
  loadImages,
  QUICK_IMAGES,
} from "./experiment.ts";

const conv = (from: number, to: number) => new nn.Conv2d(from, to, { kernelSize: 3, padding: 1 });

/** [N,C,2h,2w] to [N,4C,h,w]: the four pixels of a square become channels. */
function squaresToChannels(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape;
  const split = x.reshape([n, c, h / 2, 2, w / 2, 2]);
  return split.permute([0, 1, 3, 5, 2, 4]).reshape([n, 4 * c, h / 2, w / 2]);
}

/** The inverse. */
function channelsToSquares(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape;
  const split = x.reshape([n, c / 4, 2, 2, h, w]);
  return split.permute([0, 1, 4, 2, 5, 3]).reshape([n, c / 4, 2 * h, 2 * w]);
}

/**
 * Inpaints from the neighbourhood. Its inputs include the mask and a first guess (the mean of the visible
 * pixels in a 3x3 window), and it learns a correction of the guess. All layers run on 16 x 16 squares of 2 x
 * 2 pixels: little is computed, and no detail is pooled away, unlike in the tutorial's network.
 */
export class ResidualPainter extends nn.Module {
  first: nn.Conv2d;
  blocks: nn.ModuleList;
  last: nn.Conv2d;

  constructor(width: number, blocks: number) {
    super();
    this.first = conv(36, width);
    const block = () => new nn.Sequential(conv(width, width), new nn.ReLU(), conv(width, width));
    this.blocks = new nn.ModuleList(Array.from({ length: blocks }, block));
    this.last = conv(width, 12);
    // at first the output is almost the guess
    noGrad(() => this.last.weight.copy_(this.last.weight.mul(0.1)));
  }

  /** @param masked images in [0, 1], 0 where hidden; @param mask ones and zeros, 1 where seen */
  override forward(masked: Tensor, mask: Tensor): Tensor {
    const seen = masked.sub(mask.mul(0.5));
    const around = (x: Tensor) => nn.functional.avgPool2d(x, 3, { stride: 1, padding: 1 });
    const guess = noGrad(() => around(seen).div(around(mask).add(1e-3)));
    let x = this.first.forward(squaresToChannels(cat([seen, mask, guess], 1)));
    for (const block of this.blocks) x = x.add(block.forward(x.relu()));
    return channelsToSquares(this.last.forward(x.relu())).add(guess).add(0.5);
  }
}

/** Mean squared errors and PSNR on a set, with the masks of `npm start`: the same at every call. */
function evaluate(paint: (masked: Tensor, mask: Tensor) => Tensor, set: Images): Record<string, number> {
  const generator = new Generator(20_091);
  let [all, elements, hidden, hiddenElements] = [0, 0, 0, 0];
  noGrad(() => {
    for (const [images] of new DataLoader(set, { batchSize: 100 })) {
      const noise = rand(images.shape, { generator });
      const mask = noise.gt(0.5).float();
      const painted = paint(images.mul(mask), mask);
      const count = noise.le(0.5).sum().item();
      all += mse(painted, images) * images.numel();
      elements += images.numel();
      hidden += mse(painted, images, { mask: noise.le(0.5) }) * count;
      hiddenElements += count;
    }
  });
  const maskedMse = hidden / hiddenElements;
  return { testMse: all / elements, maskedMse, psnr: -10 * Math.log10(maskedMse) };
}

export default experiment({
  name: "inpainting",
  about: "reconstructs the hidden half of all elements: the tutorial's network and a better one of the same cost",
  defaults: {
    ...IMAGES,
    testImages: 2000,
    /** "residual" or "tutorial" (its network, loss over all elements, constant rate). */
    recipe: "residual",
    epochs: 3,
    batchSize: 16,
    lr: 2e-3,
    width: 48,
    blocks: 1,
  },
  quick: { ...QUICK_IMAGES, epochs: 2, width: 16 },
  async run(config, run) {
    const { train, test } = await loadImages(config);
    manualSeed(config.seed);
    const tutorial = config.recipe === "tutorial";
    const autoencoder = new InpaintingAutoencoder();
    const painter = new ResidualPainter(config.width, config.blocks);
    const model = tutorial ? autoencoder : painter;
    const paint = (masked: Tensor, mask: Tensor): Tensor =>
      tutorial ? autoencoder.forward(masked) : painter.forward(masked, mask);

    const loader = new DataLoader(train, { batchSize: config.batchSize, shuffle: true });
    const schedule = adamWithSchedule(model.parameters(), config.lr, 0, config.epochs * loader.length);
    const trainer = new Trainer({
      model,
      loader,
      optimizer: schedule.optimizer,
      ...(tutorial ? {} : { scheduler: schedule.scheduler, average: new MovingAverage(model, { decay: 0.999 }) }),
      loss: ([images]) => {
        const mask = rand(images.shape).gt(0.5).float();
        const painted = paint(images.mul(mask), mask);
        if (tutorial) return nn.functional.mseLoss(painted, images);
        return meanWhere(painted.sub(images).square(), mask.neg().add(1));
      },
      validate: () => evaluate(paint, test),
      epochs: config.epochs,
    });
    await run.train("training", trainer);

    const weights = trainer.options.average;
    const whole = <T>(body: () => T) => (weights ? weights.during(body) : body());
    const [images] = firstImages(test, 12).batch!(Array.from({ length: Math.min(12, test.length) }, (_, i) => i));
    const mask = rand(images.shape, { generator: new Generator(20_091) })
      .gt(0.5)
      .float();
    const painted = whole(() => inEvalMode(model, () => paint(images.mul(mask), mask)));
    const filled = images.mul(mask).add(painted.mul(mask.neg().add(1)));
    run.picture(
      "painted",
      imageGrid(
        [
          { label: "original", images },
          { label: "masked", images: images.mul(mask) },
          { label: "painted", images: filled },
        ],
        { perRow: 2 },
      ),
    );
    const layers = tutorial ? summary(autoencoder, [1, 3, 32, 32]) : null;
    const parameters = countParameters(model);
    return { ...whole(() => evaluate(paint, test)), parameters, ...(layers && { megaflops: layers.flops / 1e6 }) };
  },
});
