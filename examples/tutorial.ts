import { rand, nn, optim, type Tensor } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { CIFAR10, transforms } from "wasmgrad/vision";

const transform = transforms.compose([transforms.toTensor(), transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])]);
const trainset = await CIFAR10.load({ root: "./data", train: true, download: true, transform });
const trainloader = new DataLoader(trainset, { batchSize: 4, shuffle: true });

class InpaintingAutoencoder extends nn.Module {
  encoder = new nn.Sequential(
    new nn.Conv2d(3, 64, { kernelSize: 3, stride: 1, padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(64, 128, { kernelSize: 3, stride: 1, padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2, { stride: 2 }),
  );
  decoder = new nn.Sequential(
    new nn.ConvTranspose2d(128, 64, { kernelSize: 2, stride: 2 }), new nn.ReLU(),
    new nn.ConvTranspose2d(64, 3, { kernelSize: 2, stride: 2 }), new nn.Sigmoid(),
  );
  forward(x: Tensor): Tensor { return this.decoder.forward(this.encoder.forward(x)); }
}

const model = new InpaintingAutoencoder();
const criterion = new nn.MSELoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
for (let epoch = 0; epoch < 5; epoch++) {
  let runningLoss = 0;
  for (const [inputs] of trainloader) {
    const mask = rand(inputs.shape).gt(0.5);
    const outputs = model.forward(inputs.mul(mask));
    const loss = criterion.forward(outputs, inputs);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    runningLoss += loss.item();
  }
  console.log(`Epoch ${epoch + 1}, Loss: ${runningLoss / trainloader.length}`);
}
