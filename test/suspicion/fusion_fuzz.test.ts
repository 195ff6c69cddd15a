/**
 * Every fused pass (convolution or transposed convolution and ReLU, and 2x2 pooling after them) is compared
 * with separate modules and with float64, for random geometries, forward and backward. FUSION_CASES and
 * FUSION_SEED select more or other cases.
 */
import { afterEach, describe, expect, test } from "vitest";
import { nn, scope, setNumThreads, type Tensor, tensor } from "wasmgrad";
import type { ConvAlgorithmName } from "../../src/ops/conv/algorithm.ts";
import { forceConvAlgorithm } from "../../src/ops/conv/choose.ts";
import { Conv2dReluPool } from "../../src/ops/conv/conv2d_relu_pool.ts";
import { type ConvSizes, eachProduct, pool2x2 } from "../support/conv_reference.ts";
import { testRandom } from "../support/random.ts";

const CASES = Number(process.env.FUSION_CASES ?? 60);
const SEED = Number(process.env.FUSION_SEED ?? 1);
/** Limit of products for most cases, so that the loops of the reference are quick. */
const MAX_PRODUCTS = 60_000;
/** Limit of products for a few cases with many channels, for which Winograd is chosen. */
const MORE_PRODUCTS = 500_000;

afterEach(() => {
  forceConvAlgorithm(undefined);
  setNumThreads(1);
});

type Two = [number, number];

interface Case {
  transposed: boolean;
  pool: boolean;
  sizes: ConvSizes;
  options: nn.Conv2dOptions;
  outputPadding: Two;
}

function draw(random: () => number, transposed: boolean): Case {
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)];
  const two = (from: () => number): Two => {
    const first = from();
    return [first, random() < 0.5 ? first : from()];
  };
  for (;;) {
    const images = pick([0, 1, 1, 2, 3]);
    const groups = pick([1, 1, 1, 1, 2, 3, 8]);
    const inChannels = pick([1, 1, 2, 3, 3, 4, 5, 9, 17, 33]);
    const outChannels = pick([1, 2, 3, 4, 5, 7, 8, 9, 17, 33]);
    const plain = random() < 0.3; // the geometry that Winograd's algorithm supports
    const kernel: Two = plain ? [3, 3] : random() < 0.03 ? [1, 30] : two(() => pick([1, 2, 3, 3, 4, 5, 7]));
    const stride: Two = plain ? [1, 1] : two(() => pick([1, 2, 3, 4, 5]));
    const dilation: Two = plain ? [1, 1] : two(() => pick([1, 1, 1, 2, 3]));
    const same = !transposed && Math.max(...stride) === 1 && random() < 0.2;
    const reach = kernel.map((k, d) => dilation[d] * (k - 1));
    const padding = two(() => pick([0, 0, 1, 1, 2, 3, 5]));
    const before: Two = same ? [reach[0] >> 1, reach[1] >> 1] : padding;
    const input = two(() => 1 + Math.floor(random() * 21));
    const outputPadding: Two = [0, 0];
    let [size, out] = [input, input];
    if (transposed) {
      for (const d of [0, 1]) if (random() < 0.3) outputPadding[d] = Math.max(stride[d], dilation[d]) - 1;
      size = input.map((n, d) => (n - 1) * stride[d] - 2 * padding[d] + reach[d] + outputPadding[d] + 1) as Two;
    } else {
      const around = (d: number) => (same ? reach[d] : 2 * padding[d]);
      out = input.map((n, d) => Math.floor((n + around(d) - reach[d] - 1) / stride[d]) + 1) as Two;
    }
    if (Math.min(...out, ...size) < 1) continue;
    const products = images * groups * inChannels * outChannels * kernel[0] * kernel[1] * out[0] * out[1];
    if (products > (random() < 0.1 ? MORE_PRODUCTS : MAX_PRODUCTS)) continue;
    const pool = !transposed && Math.min(...out) > 1 && random() < 0.75;
    const sizes = { images, groups, inChannels, outChannels, size, kernel, stride, before, dilation, out };
    const window = { kernelSize: kernel, stride, dilation, groups, bias: random() < 0.8 };
    const options = { ...window, padding: same ? ("same" as const) : padding };
    return { transposed, pool, sizes, options, outputPadding };
  }
}

/** Values of a case's inputs, and of the gradient of its output. */
interface Values {
  x: Float32Array;
  weight: Float32Array;
  bias: Float32Array;
  dy: Float32Array;
}

const area = ([a, b]: readonly [number, number]) => a * b;

/** Numbers of elements: of the convolution's input, weight and output, and of the pooled output. */
function counts({ sizes: s, pool }: Case) {
  const x = s.images * s.groups * s.inChannels * area(s.size);
  const weight = s.groups * s.outChannels * s.inChannels * area(s.kernel);
  const planes = s.images * s.groups * s.outChannels;
  return {
    x,
    weight,
    planes,
    y: planes * area(s.out),
    pooled: pool ? planes * area([s.out[0] >> 1, s.out[1] >> 1]) : 0,
  };
}

/**
 * The output, and the gradients of input, weight and bias. Each comes with the sum of the absolute values of
 * its terms, which bounds the error.
 */
type Results = Record<"y" | "dx" | "dWeight" | "dBias", ArrayLike<number>>;

function inFloat64(c: Case, values: Values): { results: Results; sizes: Results } {
  const { sizes: s, transposed } = c;
  const n = counts(c);
  // a transposed convolution maps the convolution's output to its input
  const [from, to] = transposed ? [n.y, n.x] : [n.x, n.y];
  const plane = transposed ? area(s.size) : area(s.out);
  const channels = s.groups * (transposed ? s.inChannels : s.outChannels);
  const biasOf = (i: number) => values.bias[Math.floor(i / plane) % channels] ?? 0;
  const raw = Float64Array.from({ length: to }, (_, i) => biasOf(i));
  const rawSize = raw.map(Math.abs);
  eachProduct(s, (x, w, y) => {
    const [i, o] = transposed ? [y, x] : [x, y];
    const product = values.x[i] * values.weight[w];
    raw[o] += product;
    rawSize[o] += Math.abs(product);
  });
  const rectified = raw.map((v) => (v < 0 ? 0 : v));
  const pooled = c.pool ? pool2x2(rectified, n.planes, ...(s.out as Two)) : null;
  const y = pooled ? pooled.y : rectified;
  const dRaw = new Float64Array(to);
  values.dy.forEach((g, o) => {
    const at = pooled ? pooled.at[o] : o;
    if (!(rectified[at] <= 0)) dRaw[at] += g;
  });
  const [dx, dxSize] = [new Float64Array(from), new Float64Array(from)];
  const [dWeight, dWeightSize] = [new Float64Array(n.weight), new Float64Array(n.weight)];
  eachProduct(s, (x, w, y) => {
    const [i, o] = transposed ? [y, x] : [x, y];
    dx[i] += dRaw[o] * values.weight[w];
    dxSize[i] += Math.abs(dRaw[o] * values.weight[w]);
    dWeight[w] += dRaw[o] * values.x[i];
    dWeightSize[w] += Math.abs(dRaw[o] * values.x[i]);
  });
  const [dBias, dBiasSize] = [new Float64Array(values.bias.length), new Float64Array(values.bias.length)];
  if (dBias.length > 0) {
    dRaw.forEach((g, i) => {
      dBias[Math.floor(i / plane) % channels] += g;
      dBiasSize[Math.floor(i / plane) % channels] += Math.abs(g);
    });
  }
  const ySize = pooled ? Float64Array.from(pooled.at, (at) => rawSize[at]) : rawSize;
  return {
    results: { y, dx, dWeight, dBias },
    sizes: { y: ySize, dx: dxSize, dWeight: dWeightSize, dBias: dBiasSize },
  };
}

/** The library's results, in a Sequential or module by module. */
function byModules(c: Case, values: Values, fused: boolean): { results: Results; isPooledOp: boolean } {
  const { sizes: s, transposed } = c;
  const [inPlane, inChannels, outChannels] = transposed
    ? [s.out, s.groups * s.outChannels, s.groups * s.inChannels]
    : [s.size, s.groups * s.inChannels, s.groups * s.outChannels];
  const conv = transposed
    ? new nn.ConvTranspose2d(inChannels, outChannels, { ...c.options, outputPadding: c.outputPadding } as never)
    : new nn.Conv2d(inChannels, outChannels, c.options);
  conv.loadStateDict({
    weight: tensor(values.weight, { shape: conv.weight.shape }),
    ...(conv.bias && { bias: tensor(values.bias) }),
  });
  const modules = [conv, new nn.ReLU(), ...(c.pool ? [new nn.MaxPool2d(2)] : [])];
  const input = tensor(values.x, { shape: [s.images, inChannels, ...inPlane], requiresGrad: true });
  let y: Tensor = input;
  if (fused) y = new nn.Sequential(...modules).forward(input);
  else for (const module of modules) y = module.forward(y);
  const isPooledOp = y.handle.node?.op instanceof Conv2dReluPool;
  y.backward(tensor(values.dy, { shape: y.shape }));
  const grad = (leaf: Tensor | null) => (leaf ? (leaf.grad as Tensor).data() : []);
  const results = { y: y.data(), dx: grad(input), dWeight: grad(conv.weight), dBias: grad(conv.bias) };
  return { results, isPooledOp };
}

/** Whether Winograd's algorithm may compute it, chosen automatically or forced: its sums are not exact. */
function mayTransform({ sizes: s, transposed }: Case, algorithm: ConvAlgorithmName | undefined): boolean {
  const plain = s.kernel.join() === "3,3" && [...s.stride, ...s.dilation].every((n) => n === 1);
  return plain && s.groups === 1 && !transposed && algorithm !== "gemm";
}

const describeCase = (c: Case) => JSON.stringify(c);

/**
 * Compares all results. An element may differ by `relative` of the sum of its terms' absolute values, or
 * (`ofWhole`) of the largest such sum.
 */
function compare(
  c: Case,
  what: string,
  actual: Results,
  expected: Results,
  sizes: Results,
  relative: number,
  ofWhole: boolean,
) {
  for (const key of ["y", "dx", "dWeight", "dBias"] as const) {
    const [a, e, size] = [actual[key], expected[key], Array.from(sizes[key])];
    expect(a.length, `${what}, ${key}: ${describeCase(c)}`).toBe(e.length);
    const largest = size.reduce((x, y) => Math.max(x, y), 0);
    for (let i = 0; i < e.length; i++) {
      const bound = relative * (ofWhole ? largest : size[i]);
      if (Math.abs(a[i] - e[i]) <= bound || a[i] === e[i] || (Number.isNaN(a[i]) && Number.isNaN(e[i]))) continue;
      throw new Error(`${what}, ${key}[${i}]: ${a[i]}, expected ${e[i]}: ${describeCase(c)}`);
    }
  }
}

/** Integers make every sum of a direct algorithm exact and ties frequent; reals have neither. */
function drawValues(c: Case, random: () => number, integers: boolean): Values {
  const n = counts(c);
  const value = () => (integers ? Math.floor(random() * 7) - 3 : random() * 2 - 1);
  const array = (length: number) => Float32Array.from({ length }, value);
  const { groups, inChannels, outChannels } = c.sizes;
  const bias = c.options.bias ? groups * (c.transposed ? inChannels : outChannels) : 0;
  const [x, y] = c.transposed ? [n.y, n.x] : [n.x, c.pool ? n.pooled : n.y];
  return { x: array(x), weight: array(n.weight), bias: array(bias), dy: array(y) };
}

const algorithms: (ConvAlgorithmName | undefined)[] = [undefined, "gemm", "winograd", "depthwise", "shallow"];

describe.each([1, 3])("%i threads", (threads) => {
  test.each(algorithms)("fused convolutions agree with modules and float64: algorithm %s", (algorithm) => {
    const random = testRandom(100 * SEED + threads);
    setNumThreads(threads);
    forceConvAlgorithm(algorithm);
    let pooledOps = 0;
    for (let i = 0; i < CASES; i++) {
      const c = draw(random, random() < 0.2);
      const transforms = mayTransform(c, algorithm);
      const integers = random() < 0.5 && !transforms;
      const values = drawValues(c, random, integers);
      scope(() => {
        const fused = byModules(c, values, true);
        const separate = byModules(c, values, false);
        if (fused.isPooledOp) pooledOps++;
        const { results, sizes } = inFloat64(c, values);
        const relative = transforms ? 1e-5 : integers ? 0 : 2e-6;
        compare(c, "fused against float64", fused.results, results, sizes, relative, transforms);
        compare(c, "separate against float64", separate.results, results, sizes, relative, transforms);
        if (!transforms) compare(c, "fused against separate", fused.results, separate.results, sizes, relative, false);
      });
    }
    expect(pooledOps).toBeGreaterThan(CASES / 10);
  });
});

test.each(algorithms)("NaN and infinities go where separate modules put them: algorithm %s", (algorithm) => {
  const random = testRandom(SEED);
  forceConvAlgorithm(algorithm);
  for (let i = 0; i < CASES; i++) {
    const c = draw(random, random() < 0.2);
    const values = drawValues(c, random, true);
    for (const array of [
      values.x,
      random() < 0.2 ? values.weight : values.x,
      random() < 0.2 ? values.bias : values.x,
    ]) {
      if (array.length > 0) {
        array[Math.floor(random() * array.length)] = [Number.NaN, Infinity, -Infinity][Math.floor(random() * 3)];
      }
    }
    scope(() => {
      const fused = byModules(c, values, true).results;
      const separate = byModules(c, values, false).results;
      if (mayTransform(c, algorithm)) {
        // Winograd's tiles may spread NaN further, but never less far
        for (let o = 0; o < fused.y.length; o++) {
          if (Number.isNaN(separate.y[o])) expect(fused.y[o], `y[${o}]: ${describeCase(c)}`).toBeNaN();
        }
        return;
      }
      compare(c, "fused against separate", fused, separate, fused, 0, false);
    });
  }
});

test("stride 3 is right if the output is 2 wider than a multiple of 4", () => {
  const conv = new nn.Conv2d(2, 1, { kernelSize: 1, stride: 3, bias: false });
  conv.loadStateDict({ weight: tensor(new Float32Array([1, 1]), { shape: [1, 2, 1, 1] }) });
  const x = tensor(
    new Float32Array(32).map((_, i) => i),
    { shape: [1, 2, 4, 4] },
  );
  const y = new nn.Sequential(conv, new nn.ReLU(), new nn.MaxPool2d(2)).forward(x);
  expect(y.toArray()).toEqual([[[[46]]]]); // 15 + 31
});
