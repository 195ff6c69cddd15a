import { Generator, manualSeed, nn, noGrad, onesLike, optim, randn, scope, type Tensor, zerosLike } from "wasmgrad";
import { DataLoader, withIndices } from "wasmgrad/data";
import { inEvalMode } from "wasmgrad/self-supervised";
import { MovingAverage, Trainer } from "wasmgrad/train";
import { augment, imageGrid } from "wasmgrad/vision";
import { countParameters, experiment, IMAGES, loadImages, QUICK_IMAGES } from "./experiment.ts";

const down = (from: number, to: number) => new nn.Conv2d(from, to, { kernelSize: 4, stride: 2, padding: 1 });
const up = (from: number, to: number) =>
  new nn.ConvTranspose2d(from, to, { kernelSize: 4, stride: 2, padding: 1, bias: false });

/**
 * Two networks: the generator makes images from noise, and the critic distinguishes them from real ones.
 * Both use images in [-1, 1].
 *
 * see: Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional generative
 *   adversarial networks", 2016
 */
class Gan extends nn.Module {
  generator: nn.Sequential;
  critic: nn.Sequential;

  constructor(width: number, latent: number) {
    super();
    const w = width;
    this.generator = new nn.Sequential(
      new nn.Linear(latent, 4 * w * 16),
      new nn.Unflatten(1, [4 * w, 4, 4]),
      new nn.BatchNorm2d(4 * w),
      new nn.ReLU(),
      up(4 * w, 2 * w),
      new nn.BatchNorm2d(2 * w),
      new nn.ReLU(),
      up(2 * w, w),
      new nn.BatchNorm2d(w),
      new nn.ReLU(),
      new nn.ConvTranspose2d(w, 3, { kernelSize: 4, stride: 2, padding: 1 }),
      new nn.Tanh(),
    );
    this.critic = new nn.Sequential(
      down(3, w),
      new nn.LeakyReLU({ negativeSlope: 0.2 }),
      down(w, 2 * w),
      new nn.BatchNorm2d(2 * w),
      new nn.LeakyReLU({ negativeSlope: 0.2 }),
      down(2 * w, 4 * w),
      new nn.BatchNorm2d(4 * w),
      new nn.LeakyReLU({ negativeSlope: 0.2 }),
      new nn.Flatten(),
      new nn.Linear(4 * w * 16, 1),
    );
    noGrad(() => {
      for (const [name, weight] of this.namedParameters())
        if (/weight$/.test(name) && weight.dim() > 1) weight.normal_(0, 0.02);
    });
  }

  override forward(z: Tensor): Tensor {
    return this.generator.forward(z).mul(0.5).add(0.5);
  }
}

const real = (scores: Tensor, truth = 1) =>
  nn.functional.binaryCrossEntropyWithLogits(scores, onesLike(scores).mul(truth));
const fake = (scores: Tensor) => nn.functional.binaryCrossEntropyWithLogits(scores, zerosLike(scores));

/** One step of the critic, then one of the generator. */
class GanTrainer extends Trainer<Tensor[]> {
  readonly gan: Gan;
  readonly latent: number;
  readonly criticOptimizer: optim.Adam;

  constructor(
    gan: Gan,
    latent: number,
    criticOptimizer: optim.Adam,
    options: Omit<ConstructorParameters<typeof Trainer<Tensor[]>>[0], "model" | "loss">,
  ) {
    super({ ...options, model: gan, parts: { criticOptimizer }, loss: ([images]) => images });
    this.gan = gan;
    this.latent = latent;
    this.criticOptimizer = criticOptimizer;
  }

  protected override trainStep([images, , indices]: Tensor[]): Record<string, number> {
    const { generator, critic } = this.gan;
    const { optimizer, average } = this.options;
    const flipped = augment.horizontalFlip()(images, { indices, epoch: this.place.epoch }).mul(2).sub(1);
    const painted = generator.forward(randn([images.shape[0], this.latent]));

    const criticLoss = real(critic.forward(flipped), 0.9).add(fake(critic.forward(painted.detach())));
    this.criticOptimizer.zeroGrad();
    criticLoss.backward();
    this.criticOptimizer.step();

    const loss = real(critic.forward(painted));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    average?.update();
    return { loss: loss.item(), criticLoss: criticLoss.item() };
  }
}

export default experiment({
  name: "gan",
  about: "a small generative adversarial network: sheets of samples over the epochs",
  defaults: { ...IMAGES, epochs: 6, batchSize: 64, lr: 2e-4, width: 32, latent: 64 },
  quick: { ...QUICK_IMAGES, epochs: 2, batchSize: 32, width: 8, latent: 16 },
  async run(config, run) {
    const { train } = await loadImages(config);
    manualSeed(config.seed);
    const gan = new Gan(config.width, config.latent);
    const options = { lr: config.lr, betas: [0.5, 0.999] as [number, number] };
    const trainer = new GanTrainer(gan, config.latent, new optim.Adam(gan.critic.parameters(), options), {
      loader: new DataLoader(withIndices(train), { batchSize: config.batchSize, shuffle: true, dropLast: true }),
      optimizer: new optim.Adam(gan.generator.parameters(), options),
      average: new MovingAverage(gan, { decay: 0.999 }),
      validate: ({ epoch }) => {
        if (epoch !== 1 && epoch % 5 !== 0 && epoch !== config.epochs) return {};
        const z = randn([48, config.latent], { generator: new Generator(7) });
        const images = scope(() => inEvalMode(gan, () => gan.forward(z)));
        run.picture(
          `samples-${String(epoch).padStart(3, "0")}`,
          imageGrid([{ label: "", images }], { perRow: 12, scale: 2 }),
        );
        return {};
      },
      epochs: config.epochs,
    });
    await run.train("training", trainer);
    const { loss, criticLoss } = trainer.epochs.at(-1)!;
    return {
      generatorLoss: loss,
      criticLoss: Number(criticLoss),
      generatorParameters: countParameters(gan.generator),
      criticParameters: countParameters(gan.critic),
    };
  },
});
