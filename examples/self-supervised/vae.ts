import { full, Generator, manualSeed, nn, randn, scope, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { inEvalMode } from "wasmgrad/self-supervised";
import { Trainer } from "wasmgrad/train";
import { imageGrid } from "wasmgrad/vision";
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

const down = (from: number, to: number) => new nn.Conv2d(from, to, { kernelSize: 4, stride: 2, padding: 1 });
const up = (from: number, to: number) => new nn.ConvTranspose2d(from, to, { kernelSize: 4, stride: 2, padding: 1 });

/**
 * A variational autoencoder: z ~ N(mu(x), sigma(x)²), x ~ N(decoder(z), s²), with one
 * learnt s for all pixels.
 *
 * see: Kingma & Welling, "Auto-encoding variational Bayes", 2014; Rybkin et al., "Simple and effective VAE
 * training with calibrated decoders", 2021, for the learnt s
 */
class Vae extends nn.Module {
  encoder: nn.Sequential;
  decoder: nn.Sequential;
  /** log s²: initially about the error of a grey image. */
  logVariance = new nn.Parameter(full([], -3));
  readonly latent: number;

  constructor(width: number, latent: number) {
    super();
    this.latent = latent;
    const [w, flat] = [width, 2 * width * 16];
    this.encoder = new nn.Sequential(
      down(3, w),
      new nn.ReLU(),
      down(w, 2 * w),
      new nn.ReLU(),
      down(2 * w, 2 * w),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(flat, 2 * latent),
    );
    this.decoder = new nn.Sequential(
      new nn.Linear(latent, flat),
      new nn.ReLU(),
      new nn.Unflatten(1, [2 * w, 4, 4]),
      up(2 * w, 2 * w),
      new nn.ReLU(),
      up(2 * w, w),
      new nn.ReLU(),
      up(w, 3),
      new nn.Sigmoid(),
    );
  }

  override forward(x: Tensor, generator?: Generator): { painted: Tensor; mean: Tensor; logVar: Tensor } {
    const [mean, logVar] = this.encoder.forward(x).chunk(2, 1);
    const noise = randn(mean.shape, { generator });
    return { painted: this.decoder.forward(mean.add(logVar.mul(0.5).exp().mul(noise))), mean, logVar };
  }

  /**
   * Both parts of the negative ELBO, in nats per image: minus the log density of the pixels, and the
   * divergence from N(0, 1).
   */
  loss(x: Tensor, generator?: Generator): { loss: Tensor; reconstructionLoss: Tensor; klLoss: Tensor; mse: Tensor } {
    const { painted, mean, logVar } = this.forward(x, generator);
    const elements = x.numel() / x.shape[0];
    const mse = nn.functional.mseLoss(painted, x);
    const density = mse
      .div(this.logVariance.exp())
      .add(this.logVariance)
      .add(Math.log(2 * Math.PI));
    const reconstructionLoss = density.mul(elements / 2);
    const klLoss = mean
      .square()
      .add(logVar.exp())
      .sub(logVar)
      .sub(1)
      .sum()
      .mul(0.5 / x.shape[0]);
    return { loss: reconstructionLoss.add(klLoss), reconstructionLoss, klLoss, mse };
  }
}

/**
 * The negative ELBO of a set in nats per image and, for pixels of 256 values, in bits per element;
 * PSNR of the decoded images.
 */
function evaluate(model: Vae, set: Images) {
  const generator = new Generator(20_091);
  const sums = { elbo: 0, kl: 0, mse: 0 };
  inEvalMode(model, () => {
    for (const [images] of new DataLoader(set, { batchSize: 100 })) {
      const { loss, klLoss, mse } = model.loss(images, generator);
      sums.elbo += -loss.item() * images.shape[0];
      sums.kl += klLoss.item() * images.shape[0];
      sums.mse += mse.item() * images.shape[0];
    }
  });
  const [elbo, kl, mse] = Object.values(sums).map((sum) => sum / set.length);
  // the density of pixels in [0, 1] is 256 times that of pixels in 0 to 255
  const bits = 8 - elbo / (3072 * Math.LN2);
  return { testElbo: elbo, testKl: kl, testPsnr: -10 * Math.log10(mse), testBits: bits };
}

export default experiment({
  name: "vae",
  about: "a convolutional variational autoencoder: samples over the epochs, reconstructions, ELBO",
  defaults: { ...IMAGES, epochs: 10, batchSize: 64, lr: 1e-3, width: 32, latent: 64 },
  quick: { ...QUICK_IMAGES, epochs: 2, batchSize: 32, width: 8, latent: 8 },
  async run(config, run) {
    const { train, test } = await loadImages(config);
    manualSeed(config.seed);
    const model = new Vae(config.width, config.latent);
    const loader = new DataLoader(train, { batchSize: config.batchSize, shuffle: true, dropLast: true });
    const sheet = (name: string) =>
      scope(() => {
        const z = randn([48, config.latent], { generator: new Generator(7) });
        const images = inEvalMode(model, () => model.decoder.forward(z));
        run.picture(name, imageGrid([{ label: "", images }], { perRow: 12, scale: 2 }));
      });
    const trainer = new Trainer({
      model,
      loader,
      ...adamWithSchedule(model.parameters(), config.lr, 0, config.epochs * loader.length),
      clipNorm: 1000,
      loss: ([images]) => model.loss(images),
      validate: ({ epoch }) => {
        if (epoch === 1 || epoch % 5 === 0 || epoch === config.epochs)
          sheet(`samples-${String(epoch).padStart(3, "0")}`);
        return evaluate(model, firstImages(test, 1000));
      },
      epochs: config.epochs,
    });
    await run.train("training", trainer);
    scope(() => {
      const [images] = test.batch!(Array.from({ length: 12 }, (_, i) => i));
      const { painted } = inEvalMode(model, () => model.forward(images, new Generator(1)));
      run.picture(
        "reconstructions",
        imageGrid(
          [
            { label: "original", images },
            { label: "decoded", images: painted },
          ],
          { perRow: 4 },
        ),
      );
    });
    const parameters = countParameters(model);
    return { ...evaluate(model, test), parameters };
  },
});
