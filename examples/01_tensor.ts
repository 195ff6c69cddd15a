// Lesson 1: tensors. Shapes, broadcasting and masks are enough to draw.
// npx tsx examples/01_tensor.ts
import { arange, tensor } from "wasmgrad";

const m = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);
console.log("a matrix of shape", m.shape);
console.log(String(m));
console.log("its columns' sums:", m.sum(0).toArray(), "its mean:", m.mean().item());

// A column of shape [15, 1] and a row of shape [1, 31] broadcast to [15, 31]: the distance of
// each point from the centre.
const y = arange(15).sub(7).reshape([15, 1]);
const x = arange(31).sub(15).div(2).reshape([1, 31]);
const distance = x.square().add(y.square()).sqrt();
console.log("\ndistances:", distance.shape, "from", distance.min().item(), "to", distance.max().item());

// Comparisons give masks of 0 and 1: a ring, and two eyes.
const ring = distance.gt(5).logicalAnd(distance.lt(7));
const eyes = x.abs().sub(2).abs().lt(0.6).logicalAnd(y.add(2).abs().lt(0.6));
const mouth = distance.gt(3).logicalAnd(distance.lt(4)).logicalAnd(y.gt(1));
const picture = ring.logicalOr(eyes).logicalOr(mouth);
for (const row of picture.toArray() as number[][]) console.log(row.map((pixel) => (pixel ? "#" : " ")).join(""));
