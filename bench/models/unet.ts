/**
 * A U-Net of three levels (Ronneberger et al. 2015) for images of 64x64, with the names of
 * milesial/Pytorch-UNet.
 */
import { cat, nn, optim, type Tensor } from "wasmgrad";
import { conv, type Program, supervised } from "./program.ts";

class DoubleConv extends nn.Module {
  static override readonly stateNames = { layers: "double_conv" };
  layers: nn.Sequential;

  constructor(inputs: number, outputs: number) {
    super();
    const half = (from: number) => [conv(from, outputs, 3), new nn.BatchNorm2d(outputs), new nn.ReLU()];
    this.layers = new nn.Sequential(...half(inputs), ...half(outputs));
  }

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x);
  }
}

function down(inputs: number, outputs: number): nn.Sequential {
  return new nn.Sequential(new nn.MaxPool2d(2), new DoubleConv(inputs, outputs));
}

class Up extends nn.Module {
  up: nn.ConvTranspose2d;
  conv: DoubleConv;

  constructor(inputs: number, outputs: number) {
    super();
    this.up = new nn.ConvTranspose2d(inputs, inputs / 2, { kernelSize: 2, stride: 2 });
    this.conv = new DoubleConv(inputs, outputs);
  }

  override forward(x: Tensor, skipped: Tensor): Tensor {
    return this.conv.forward(cat([skipped, this.up.forward(x)], 1));
  }
}

class UNet extends nn.Module {
  inc: DoubleConv;
  down1: nn.Sequential;
  down2: nn.Sequential;
  down3: nn.Sequential;
  up1: Up;
  up2: Up;
  up3: Up;
  outc: nn.Conv2d;

  constructor(width = 32) {
    super();
    this.inc = new DoubleConv(3, width);
    this.down1 = down(width, 2 * width);
    this.down2 = down(2 * width, 4 * width);
    this.down3 = down(4 * width, 8 * width);
    this.up1 = new Up(8 * width, 4 * width);
    this.up2 = new Up(4 * width, 2 * width);
    this.up3 = new Up(2 * width, width);
    this.outc = new nn.Conv2d(width, 1, { kernelSize: 1 });
  }

  override forward(x: Tensor): Tensor {
    const x1 = this.inc.forward(x);
    const x2 = this.down1.forward(x1);
    const x3 = this.down2.forward(x2);
    const x4 = this.down3.forward(x3);
    return this.outc.forward(this.up3.forward(this.up2.forward(this.up1.forward(x4, x3), x2), x1));
  }
}

export function unet(): Program {
  const model = new UNet();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const criterion = new nn.BCEWithLogitsLoss();
  return supervised(model, (output, target) => criterion.forward(output, target), optimizer);
}
