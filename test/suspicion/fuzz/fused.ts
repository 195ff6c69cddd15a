import { nn, scope, type Tensor, tensor } from "wasmgrad";
import type { ConvAlgorithmName } from "../../../src/ops/conv/algorithm.ts";
import { forceConvAlgorithm } from "../../../src/ops/conv/choose.ts";
import { CaseError, type Kind } from "./campaign.ts";
import { type Random, sizeOf } from "./random.ts";

const ALGORITHMS = [undefined, "gemm", "winograd", "depthwise", "shallow"] as (ConvAlgorithmName | undefined)[];

interface Geometry {
  images: number;
  channels: number;
  filters: number;
  size: [number, number];
  kernelSize: [number, number];
  stride: [number, number];
  padding: [number, number];
  dilation: [number, number];
  pool: number | null;
}

function drawGeometry(random: Random): Geometry {
  const three = random.chance(0.4);
  return {
    images: random.pick([0, 1, 1, 2, 3, 5]),
    channels: random.pick([1, 2, 3, 3, 4, 5, 8, 17, 33]),
    filters: random.pick([1, 2, 4, 5, 8, 9, 16, 32, 35]),
    size: random.chance(0.5) ? random.pair(1, 13) : random.pair(6, 26),
    kernelSize: three ? [3, 3] : random.pair(1, 6),
    stride: three && random.chance(0.6) ? [1, 1] : random.pair(1, 5),
    padding: random.pair(0, 3),
    dilation: random.chance(0.7) ? [1, 1] : random.pair(1, 3),
    pool: random.pick([null, 2, 2, 2, 2, 2, 3]),
  };
}

/**
 * The gradients of the output: none where the two largest elements of a window, or the largest and 0, are too
 * close to distinguish.
 */
function seedsFor(
  random: Random,
  before: Tensor,
  pooled: Tensor,
  pool: number | null,
  tolerance: number,
): Float32Array {
  const [values, shape] = [before.data(), before.shape];
  const [height, width] = shape.slice(-2);
  const [outHeight, outWidth] = pooled.shape.slice(-2);
  const side = pool ?? 1;
  return Float32Array.from({ length: pooled.numel() }, (_, at) => {
    const plane = Math.floor(at / (outHeight * outWidth)) * height * width;
    const [row, column] = [Math.floor(at / outWidth) % outHeight, at % outWidth];
    const window: number[] = [0];
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < side; j++) window.push(values[plane + (row * side + i) * width + column * side + j]);
    }
    window.sort((a, b) => b - a);
    const seed = random.normal();
    return window[0] - window[1] > tolerance || (pool === null && window[0] > tolerance) ? seed : 0;
  });
}

function closeTo(what: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  let size = 1e-3;
  for (let i = 0; i < b.length; i++) size = Math.max(size, Math.abs(b[i]));
  if (a.length !== b.length) throw new CaseError(`${what}: ${a.length} elements, expected ${b.length}`);
  for (let i = 0; i < b.length; i++) {
    // allows for Winograd's error; a real mistake is far larger
    if (!(Math.abs(a[i] - b[i]) <= 2e-4 * size)) {
      throw new CaseError(`${what}, element ${i} of ${b.length}: ${a[i]}, one by one ${b[i]}`);
    }
  }
}

/**
 * Compares Sequential with separate modules for every algorithm. The separate modules always use the matrix
 * product.
 */
function runFused(random: Random): string {
  const g = drawGeometry(random);
  const what = JSON.stringify(g);
  const { channels, filters, kernelSize, stride, padding, dilation, pool } = g;
  const modules: nn.Module[] = [
    new nn.Conv2d(channels, filters, { kernelSize, stride, padding, dilation, bias: random.chance(0.8) }),
    new nn.ReLU(),
    ...(pool ? [new nn.MaxPool2d(pool)] : []),
  ];
  for (const [i, parameter] of modules[0].parameters().entries()) {
    parameter.copy_(tensor(random.normals(parameter.numel(), i ? 0.5 : 0.3), { shape: [...parameter.shape] }));
  }
  const shape = [g.images, channels, ...g.size];
  const data = random.normals(sizeOf(shape));
  const fits = g.size.map(
    (n, d) => Math.floor((n + 2 * padding[d] - dilation[d] * (kernelSize[d] - 1) - 1) / stride[d]) + 1,
  );
  const net = new nn.Sequential(...modules);
  const make = () => tensor(data, { shape, requiresGrad: true });
  if (fits.some((n) => n < (pool ?? 1))) {
    let message = "";
    try {
      net.forward(make());
    } catch (error) {
      message = (error as Error).name;
    }
    if (message !== "ShapeError")
      throw new CaseError(`${what}: nothing is left, expected a ShapeError, got "${message}"`);
    return "nothing left";
  }
  const gradientsOf = (x: Tensor) => [x, ...net.parameters()].map((leaf) => leaf.grad?.data() ?? new Float32Array(0));
  forceConvAlgorithm("gemm");
  const x = make();
  const before = modules[0].forward(x);
  let y: Tensor = before;
  for (const module of modules.slice(1)) y = module.forward(y);
  const largest = (before.data() as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const seeds = seedsFor(random, before, y, pool, 1e-3 * largest);
  const seed = () => tensor(seeds, { shape: [...y.shape] });
  y.backward(seed());
  const [values, gradients] = [y.data(), gradientsOf(x)];
  for (const algorithm of ALGORITHMS) {
    forceConvAlgorithm(algorithm);
    net.zeroGrad();
    const own = make();
    const fused = net.forward(own);
    const where = `${what}, ${algorithm ?? "chosen"}`;
    closeTo(where, fused.data(), values);
    fused.backward(seed());
    gradientsOf(own).forEach((gradient, i) => {
      closeTo(`${where}, gradient ${i}`, gradient, gradients[i]);
    });
  }
  return pool ? `pooled by ${pool}` : "no pooling";
}

export const fused: Kind = {
  name: "fused",
  run(random) {
    try {
      return scope(() => runFused(random));
    } finally {
      forceConvAlgorithm(undefined);
    }
  },
};
