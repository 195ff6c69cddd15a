/**
 * Trains a small network. In the middle, the wide build of the kernels may take over. Prints the width of
 * vectors at the end, and a hash of the weights' bits.
 * usage: node --input-type=module -e <this> <URL of the library> <threads>
 */
const [library, threads] = process.argv.slice(1);
const { manualSeed, nn, optim, ones, rand, scope, setNumThreads, getVectorWidth, beginSwap } = await import(library);

setNumThreads(Number(threads));
manualSeed(1);
const model = new nn.Sequential(
  new nn.Conv2d(3, 32, { kernelSize: 3, padding: 1 }),
  new nn.BatchNorm2d(32),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.Conv2d(32, 32, { kernelSize: 3, padding: 1 }),
  new nn.GELU(),
  new nn.ConvTranspose2d(32, 3, { kernelSize: 2, stride: 2 }),
  new nn.Sigmoid(),
);
const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });

function step() {
  scope(() => {
    const images = rand([4, 3, 32, 32]);
    const loss = nn.functional.mseLoss(model.forward(images), images);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  });
}

for (let i = 0; i < 5; i++) step();
const begun = beginSwap();
for (let i = 0; i < 10; i++) step();
// operations that leave the weights alone, until the wide build has taken over
const pause = new Int32Array(new SharedArrayBuffer(4));
while (begun && getVectorWidth() !== 256) {
  scope(() => ones([100]).add(1).sum().item());
  Atomics.wait(pause, 0, 0, 1);
}
for (let i = 0; i < 10; i++) step();

let hash = 0;
for (const parameter of model.parameters()) {
  for (const bits of new Int32Array(parameter.data().buffer)) hash = (Math.imul(hash, 31) + bits) | 0;
}
console.log(getVectorWidth(), hash);
