// Lesson 4: the gradients of a convolution, and a kernel found by gradient descent.
// npx tsx examples/04_convolution_backward.ts
import { manualSeed, nn, noGrad, randn, type Tensor, tensor, zeros } from "wasmgrad";

const { conv2d, mseLoss } = nn.functional;
manualSeed(4);

// One product: the gradient of out[oy][ox] with respect to a tap is the pixel that the tap
// multiplies, and vice versa.
const pixel = tensor([[[[3]]]], { requiresGrad: true });
const tap = tensor([[[[5]]]], { requiresGrad: true });
conv2d(pixel, tap).backward(tensor([[[[1]]]]));
console.log(`3 * 5: d/d3 = ${pixel.grad!.item()}, d/d5 = ${tap.grad!.item()}`);

// So a pixel's gradient is the sum of the taps that multiply it: 9 inside, 4 in the corners.
const ones = zeros([1, 1, 5, 5]).add(1);
ones.requiresGrad = true;
conv2d(ones, zeros([1, 1, 3, 3]).add(1), null, { padding: 1 })
  .sum()
  .backward();
console.log("how many windows each pixel is in:");
console.log((ones.grad!.squeeze().toArray() as number[][]).map((row) => row.join(" ")).join("\n"));

// Which kernel made this output? Start from zeros, compare, and follow the gradient downhill.
const secret = tensor([
  [
    [
      [-1, 0, 1],
      [-2, 0, 2],
      [-1, 0, 1],
    ],
  ],
]);
const images = randn([8, 1, 12, 12]);
const target = conv2d(images, secret, null, { padding: 1 });
const found = zeros([1, 1, 3, 3], { requiresGrad: true });
for (let step = 0; step <= 60; step++) {
  found.grad = null;
  const loss = mseLoss(conv2d(images, found, null, { padding: 1 }), target);
  loss.backward();
  if (step % 20 === 0) console.log(`step ${step}: error ${loss.item().toFixed(6)}`);
  noGrad(() => found.copy_(found.sub(found.grad!.mul(0.05))));
}
const rows = (kernel: Tensor) => kernel.squeeze().toArray() as number[][];
console.log("the kernel that was found:");
console.log(
  rows(found)
    .map((row) => row.map((v) => v.toFixed(3).padStart(7)).join(""))
    .join("\n"),
);
