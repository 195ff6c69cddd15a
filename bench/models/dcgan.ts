/** DCGAN (Radford et al. 2015) with the names of pytorch/examples and half its width, for images of 64x64. */
import { full, nn, optim, type Tensor } from "wasmgrad";
import type { Program } from "./program.ts";

const NOISE = 100;

/** `stride` 1 is for the layer that faces an image of one pixel. */
function up(inputs: number, outputs: number, stride = 2): nn.ConvTranspose2d {
  return new nn.ConvTranspose2d(inputs, outputs, { kernelSize: 4, stride, padding: stride - 1, bias: false });
}

function down(inputs: number, outputs: number, stride = 2): nn.Conv2d {
  return new nn.Conv2d(inputs, outputs, { kernelSize: 4, stride, padding: stride - 1, bias: false });
}

function generator(width: number): nn.Sequential {
  const sizes = [NOISE, 8 * width, 4 * width, 2 * width, width];
  const layers = sizes
    .slice(1)
    .flatMap((size, i) => [up(sizes[i], size, i === 0 ? 1 : 2), new nn.BatchNorm2d(size), new nn.ReLU()]);
  return new nn.Sequential(...layers, up(width, 3), new nn.Tanh());
}

function discriminator(width: number): nn.Sequential {
  const leaky = () => new nn.LeakyReLU({ negativeSlope: 0.2 });
  const layers = [width, 2 * width, 4 * width].flatMap((size) => [
    down(size, 2 * size),
    new nn.BatchNorm2d(2 * size),
    leaky(),
  ]);
  return new nn.Sequential(down(3, width), leaky(), ...layers, down(8 * width, 1, 1), new nn.Sigmoid());
}

class DCGAN extends nn.Module {
  static override readonly stateNames = { generator: "netG", discriminator: "netD" };
  generator: nn.Sequential;
  discriminator: nn.Sequential;

  constructor(width = 32) {
    super();
    this.generator = generator(width);
    this.discriminator = discriminator(width);
    this.apply((layer) => {
      if (layer instanceof nn.Conv2d || layer instanceof nn.ConvTranspose2d) nn.init.normal_(layer.weight, 0, 0.02);
      else if (layer instanceof nn.BatchNorm2d) nn.init.normal_(layer.weight!, 1, 0.02);
    });
  }

  override forward(noise: Tensor): Tensor {
    return this.discriminator.forward(this.generator.forward(noise)).flatten();
  }
}

/** Images are the inputs, noise is the target. */
export function dcgan(): Program {
  const model = new DCGAN();
  const { generator, discriminator } = model;
  const options = { lr: 2e-4, betas: [0.5, 0.999] as [number, number] };
  const generatorStep = new optim.Adam(generator.parameters(), options);
  const discriminatorStep = new optim.Adam(discriminator.parameters(), options);
  const criterion = new nn.BCELoss();
  /** How far the discriminator is from saying `answer` of each image. */
  const judge = (images: Tensor, answer: number) =>
    criterion.forward(discriminator.forward(images).flatten(), full([images.shape[0]], answer));
  return {
    model,
    forward: (_images, noise) => model.forward(noise),
    step(images, noise) {
      discriminator.zeroGrad();
      const real = judge(images, 1);
      real.backward();
      const drawn = generator.forward(noise);
      const found = judge(drawn.detach(), 0);
      found.backward();
      discriminatorStep.step();
      generator.zeroGrad();
      const passed = judge(drawn, 1);
      passed.backward();
      generatorStep.step();
      return [real.item() + found.item(), passed.item()];
    },
  };
}
