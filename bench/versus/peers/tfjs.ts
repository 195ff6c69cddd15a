/**
 * The program that runs TensorFlow.js. usage: tsx tfjs.ts wasm|cpu INPUTS THREADS VARIANT
 *
 * "as its docs say" differentiates the loss with tf.variableGrads. "gradients by hand" is the only way in
 * which its wasm backend can train a convolution: see tfjs_gradients.ts. The mask is ready before the clock
 * starts, because tf.randomUniform draws its numbers in plain JavaScript.
 */
import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs-core";
import { first, type Input, type Inputs, serve } from "./serve.ts";
import { convTranspose2x2, lossAndGradients } from "./tfjs_gradients.ts";

export type Weights = Record<string, tf.Variable>;

/** NCHW to NHWC, the layout in which tfjs computes. */
const toNhwc = ({ data, shape }: Input) =>
  tf.tidy(() => tf.transpose(tf.tensor(data, shape as [number, number, number, number]), [0, 2, 3, 1]) as tf.Tensor4D);

/**
 * PyTorch's layouts to tfjs's: [out, in, h, w] to [h, w, in, out]; for transposed convolutions [in, out, h,
 * w] to [h, w, out, in].
 */
function toWeights(inputs: Inputs): Weights {
  const names = Object.keys(inputs).filter((name) => name.endsWith(".weight") || name.endsWith(".bias"));
  return Object.fromEntries(
    names.map((name) => {
      const value = tf.tensor(inputs[name].data, inputs[name].shape);
      const ours = name.endsWith(".bias") ? value : tf.transpose(value, [2, 3, 1, 0]);
      return [name, tf.variable(ours, true, name)];
    }),
  );
}

function conv(x: tf.Tensor4D, w: Weights, name: string): tf.Tensor4D {
  return tf.fused.conv2d({
    x,
    filter: w[`${name}.weight`] as unknown as tf.Tensor4D,
    bias: w[`${name}.bias`],
    strides: 1,
    pad: "same",
    activation: "relu",
  });
}

function convTranspose(x: tf.Tensor4D, w: Weights, name: string): tf.Tensor4D {
  const filter = w[`${name}.weight`] as unknown as tf.Tensor4D;
  const [batch, height, width] = x.shape;
  const shape: [number, number, number, number] = [batch, 2 * height, 2 * width, filter.shape[2]];
  return tf.add(tf.conv2dTranspose(x, filter, shape, 2, "valid"), w[`${name}.bias`]);
}

function forwardAsDocumented(x: tf.Tensor4D, w: Weights): tf.Tensor4D {
  const encoded = tf.maxPool(conv(tf.maxPool(conv(x, w, "encoder.0"), 2, 2, "valid"), w, "encoder.3"), 2, 2, "valid");
  return tf.sigmoid(convTranspose(tf.relu(convTranspose(encoded, w, "decoder.0")), w, "decoder.2"));
}

function forwardByHand(x: tf.Tensor4D, w: Weights): tf.Tensor4D {
  const encoded = tf.maxPool(conv(tf.maxPool(conv(x, w, "encoder.0"), 2, 2, "valid"), w, "encoder.3"), 2, 2, "valid");
  return tf.sigmoid(convTranspose2x2(tf.relu(convTranspose2x2(encoded, w, "decoder.0")), w, "decoder.2"));
}

const backend = process.argv[2] as "wasm" | "cpu";

await serve(async (inputs, threads, variant) => {
  if (backend === "wasm") (await import("@tensorflow/tfjs-backend-wasm")).setThreadsCount(threads);
  else await import("@tensorflow/tfjs-backend-cpu");
  // this is what the package @tensorflow/tfjs does; its other parts are not needed
  createRequire(import.meta.url)("@tensorflow/tfjs-core/dist/register_all_gradients.js");
  await tf.setBackend(backend);
  const byHand = variant === "by hand";
  const forward = byHand ? forwardByHand : forwardAsDocumented;
  return {
    version: tf.version_core,
    prepare({ kind, batch, steps }) {
      tf.disposeVariables();
      const weights = toWeights(inputs);
      const images = toNhwc(first(batch, inputs.images));
      if (kind === "forward") {
        const run = () => tf.tidy(() => forward(images, weights));
        const check = () => tf.tidy(() => Array.from(tf.transpose(run(), [0, 3, 1, 2]).dataSync()));
        return { check, step: () => tf.tidy(() => void run().dataSync()) };
      }
      const mask = toNhwc(first(batch, inputs.mask));
      const optimizer = tf.train.adam(0.001, 0.9, 0.999, 1e-8);
      const lossOf = (masked: tf.Tensor4D) => tf.losses.meanSquaredError(images, forward(masked, weights)) as tf.Scalar;
      const step = () =>
        tf.tidy(() => {
          const masked = tf.mul(images, mask) as tf.Tensor4D;
          const { value, grads } = byHand
            ? lossAndGradients(masked, images, weights)
            : tf.variableGrads(() => lossOf(masked));
          optimizer.applyGradients(grads as Parameters<typeof optimizer.applyGradients>[0]);
          return value.dataSync()[0];
        });
      return { check: () => Array.from({ length: steps }, step), step };
    },
  };
});
