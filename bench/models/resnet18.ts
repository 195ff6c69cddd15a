/**
 * ResNet-18 (He et al. 2015) for images of 32x32, with the names of kuangliu/pytorch-cifar and half its
 * width.
 */
import { nn, optim, type Tensor } from "wasmgrad";
import { conv, type Program, supervised } from "./program.ts";

class BasicBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  shortcut = new nn.Sequential();

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = conv(inputs, outputs, 3, stride);
    this.bn1 = new nn.BatchNorm2d(outputs);
    this.conv2 = conv(outputs, outputs, 3);
    this.bn2 = new nn.BatchNorm2d(outputs);
    if (stride !== 1 || inputs !== outputs) {
      this.shortcut = new nn.Sequential(conv(inputs, outputs, 1, stride), new nn.BatchNorm2d(outputs));
    }
  }

  override forward(x: Tensor): Tensor {
    const hidden = this.bn1.forward(this.conv1.forward(x)).relu();
    return this.bn2.forward(this.conv2.forward(hidden)).add(this.shortcut.forward(x)).relu();
  }
}

/** Two blocks; the first one halves the image where `stride` is 2. */
function stage(inputs: number, outputs: number, stride: number): nn.Sequential {
  return new nn.Sequential(new BasicBlock(inputs, outputs, stride), new BasicBlock(outputs, outputs, 1));
}

class ResNet18 extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  layer1: nn.Sequential;
  layer2: nn.Sequential;
  layer3: nn.Sequential;
  layer4: nn.Sequential;
  linear: nn.Linear;

  constructor(width = 32, classes = 10) {
    super();
    this.conv1 = conv(3, width, 3);
    this.bn1 = new nn.BatchNorm2d(width);
    this.layer1 = stage(width, width, 1);
    this.layer2 = stage(width, 2 * width, 2);
    this.layer3 = stage(2 * width, 4 * width, 2);
    this.layer4 = stage(4 * width, 8 * width, 2);
    this.linear = new nn.Linear(8 * width, classes);
  }

  override forward(x: Tensor): Tensor {
    let features = this.bn1.forward(this.conv1.forward(x)).relu();
    for (const layer of [this.layer1, this.layer2, this.layer3, this.layer4]) features = layer.forward(features);
    return this.linear.forward(nn.functional.avgPool2d(features, 4).flatten(1));
  }
}

export function resnet18(): Program {
  const model = new ResNet18();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.002, momentum: 0.9, weightDecay: 5e-4 });
  return supervised(model, nn.functional.crossEntropy, optimizer);
}
