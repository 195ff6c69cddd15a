import { nn, type Tensor } from "wasmgrad";

/**
 * The tutorial's autoencoder: from 32x32 pixels down to 8x8 with 128 channels, and back. About 110,000
 * parameters.
 */
export class InpaintingAutoencoder extends nn.Module {
  encoder = new nn.Sequential(
    new nn.Conv2d(3, 64, { kernelSize: 3, stride: 1, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(64, 128, { kernelSize: 3, stride: 1, padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
  );
  decoder = new nn.Sequential(
    new nn.ConvTranspose2d(128, 64, { kernelSize: 2, stride: 2 }),
    new nn.ReLU(),
    new nn.ConvTranspose2d(64, 3, { kernelSize: 2, stride: 2 }),
    new nn.Sigmoid(),
  );

  override forward(x: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(x));
  }
}
