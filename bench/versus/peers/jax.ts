/**
 * The program that runs jax-js, on its wasm backend; it only trains. usage: tsx jax.ts INPUTS THREADS VARIANT
 *
 * "as its docs say" uses lax.conv, lax.reduceWindow and valueAndGrad, all in jit, or without ("…, no jit").
 * "im2col and dot" computes the same network by shifted slices and matrix products, which its compiler runs
 * fastest. All variants get the mask before the clock starts. Every use of an array but the last is `.ref`,
 * because jax-js counts references by hand.
 */
import { createRequire } from "node:module";
import {
  blockUntilReady,
  init,
  type Array as JaxArray,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from "@jax-js/jax";
import { convPatches, convTransposeBlocks, maxPoolSlices } from "./jax_dot.ts";
import { first, type Input, type Inputs, serve } from "./serve.ts";

export type Weights = Record<string, JaxArray>;

/**
 * The layers that the two variants compute differently. Both return [N, C, H, W] and consume their arguments.
 */
interface Layers {
  conv(x: JaxArray, weight: JaxArray): JaxArray;
  convTranspose(x: JaxArray, weight: JaxArray): JaxArray;
  maxPool(x: JaxArray): JaxArray;
}

const documented: Layers = {
  conv: (x, weight) => lax.conv(x, weight, [1, 1], "SAME"),
  convTranspose: (x, weight) => lax.convTranspose(x, weight, [2, 2], "VALID", { transposeKernel: true }),
  maxPool: (x) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]),
};
const rewritten: Layers = { conv: convPatches, convTranspose: convTransposeBlocks, maxPool: maxPoolSlices };

const toArray = ({ data, shape }: Input) => np.array(data).reshape(shape);

function forward(layers: Layers, x: JaxArray, w: Weights): JaxArray {
  const biased = (y: JaxArray, name: string) => y.add(w[`${name}.bias`].reshape([1, -1, 1, 1]));
  const conv = (y: JaxArray, name: string) => biased(layers.conv(y, w[`${name}.weight`]), name);
  const convTranspose = (y: JaxArray, name: string) => biased(layers.convTranspose(y, w[`${name}.weight`]), name);
  let y = layers.maxPool(nn.relu(conv(x, "encoder.0")));
  y = layers.maxPool(nn.relu(conv(y, "encoder.3")));
  y = nn.relu(convTranspose(y, "decoder.0"));
  return nn.sigmoid(convTranspose(y, "decoder.2"));
}

/** A step of Adam for all weights; `step` counts from 1. */
function adam(weights: Weights, grads: Weights, means: Weights, squares: Weights, step: JaxArray) {
  const [rate, beta1, beta2, eps] = [0.001, 0.9, 0.999, 1e-8];
  const correct1 = np.subtract(1, np.power(beta1, step.ref));
  const correct2 = np.subtract(1, np.power(beta2, step));
  const next = { weights: {} as Weights, means: {} as Weights, squares: {} as Weights };
  for (const name of Object.keys(weights)) {
    const mean = means[name].mul(beta1).add(grads[name].ref.mul(1 - beta1));
    const square = squares[name].mul(beta2).add(np.square(grads[name]).mul(1 - beta2));
    next.means[name] = mean.ref;
    next.squares[name] = square.ref;
    const scale = np.sqrt(square.div(correct2.ref)).add(eps);
    next.weights[name] = weights[name].sub(mean.div(correct1.ref).mul(rate).div(scale));
  }
  correct1.dispose();
  correct2.dispose();
  return next;
}

function weightsOf(inputs: Inputs): Weights {
  const names = Object.keys(inputs).filter((name) => name.endsWith(".weight") || name.endsWith(".bias"));
  return Object.fromEntries(names.map((name) => [name, toArray(inputs[name])]));
}

const zerosLike = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, { shape }]) => [name, np.zeros(shape)]));

await serve(async (inputs, _threads, variant) => {
  await init("wasm");
  const { version } = createRequire(import.meta.url)("../node_modules/@jax-js/jax/package.json");
  const layers = variant === "im2col and dot" ? rewritten : documented;
  return {
    version,
    prepare({ batch, steps }) {
      let weights = weightsOf(inputs);
      const images = toArray(first(batch, inputs.images));
      const mask = toArray(first(batch, inputs.mask));
      let means = zerosLike(weights);
      let squares = zerosLike(weights);
      let count = 0;
      const lossOf = (w: Weights, x: JaxArray, masked: JaxArray) => np.square(forward(layers, masked, w).sub(x)).mean();
      const maybeJit: typeof jit = variant.endsWith("no jit") ? (((f: unknown) => f) as typeof jit) : jit;
      const train = maybeJit((w: Weights, m: Weights, s: Weights, x: JaxArray, mask: JaxArray, at: JaxArray) => {
        const masked = x.ref.mul(mask);
        const [loss, grads] = valueAndGrad(lossOf)(tree.ref(w), x, masked);
        return { loss, ...adam(w, grads as Weights, m, s, at) };
      });
      const step = async () => {
        const next = train(weights, means, squares, images.ref, mask.ref, np.array(++count));
        ({ weights, means, squares } = next);
        await blockUntilReady([weights, means, squares]);
        return (await next.loss.data())[0];
      };
      const check = async () => {
        const losses: number[] = [];
        for (let i = 0; i < steps; i++) losses.push(await step());
        return losses;
      };
      return { check, step };
    },
  };
});
