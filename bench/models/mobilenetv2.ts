/**
 * MobileNetV2 (Sandler et al. 2018) for images of 32x32, with the sizes and names of kuangliu/pytorch-cifar.
 */
import { nn, optim, type Tensor } from "wasmgrad";
import { conv, type Program, supervised } from "./program.ts";

const relu6 = (x: Tensor) => x.clamp({ min: 0, max: 6 });

class InvertedResidual extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  conv3: nn.Conv2d;
  bn3: nn.BatchNorm2d;
  shortcut = new nn.Sequential();
  readonly residual: boolean;

  constructor(inputs: number, outputs: number, expansion: number, stride: number) {
    super();
    const hidden = expansion * inputs;
    this.residual = stride === 1;
    this.conv1 = conv(inputs, hidden, 1);
    this.bn1 = new nn.BatchNorm2d(hidden);
    this.conv2 = conv(hidden, hidden, 3, stride, hidden);
    this.bn2 = new nn.BatchNorm2d(hidden);
    this.conv3 = conv(hidden, outputs, 1);
    this.bn3 = new nn.BatchNorm2d(outputs);
    if (this.residual && inputs !== outputs) {
      this.shortcut = new nn.Sequential(conv(inputs, outputs, 1), new nn.BatchNorm2d(outputs));
    }
  }

  override forward(x: Tensor): Tensor {
    const expanded = relu6(this.bn1.forward(this.conv1.forward(x)));
    const filtered = relu6(this.bn2.forward(this.conv2.forward(expanded)));
    const output = this.bn3.forward(this.conv3.forward(filtered));
    return this.residual ? output.add(this.shortcut.forward(x)) : output;
  }
}

/** Expansion, channels, blocks and first stride of each stage. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 1],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

class MobileNetV2 extends nn.Module {
  conv1 = conv(3, 32, 3);
  bn1 = new nn.BatchNorm2d(32);
  layers = new nn.Sequential();
  conv2 = conv(320, 1280, 1);
  bn2 = new nn.BatchNorm2d(1280);
  linear: nn.Linear;

  constructor(classes = 10) {
    super();
    let channels = 32;
    for (const [expansion, outputs, blocks, stride] of STAGES) {
      for (let block = 0; block < blocks; block++) {
        this.layers.append(new InvertedResidual(channels, outputs, expansion, block === 0 ? stride : 1));
        channels = outputs;
      }
    }
    this.linear = new nn.Linear(1280, classes);
  }

  override forward(x: Tensor): Tensor {
    const features = this.layers.forward(relu6(this.bn1.forward(this.conv1.forward(x))));
    const last = relu6(this.bn2.forward(this.conv2.forward(features)));
    return this.linear.forward(nn.functional.adaptiveAvgPool2d(last, 1).flatten(1));
  }
}

export function mobilenetv2(): Program {
  const model = new MobileNetV2();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.002, momentum: 0.9, weightDecay: 4e-5 });
  return supervised(model, nn.functional.crossEntropy, optimizer);
}
