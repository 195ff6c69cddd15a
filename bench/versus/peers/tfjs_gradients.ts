/**
 * The gradients of the training step, by hand in tfjs's own operations, as fast as its wasm backend can
 * compute them: that backend has no gradient of a convolution's filter. Its fast operations are conv2d, and
 * matrix products without transposed operands (XNNPACK), so all heavy work is expressed by these:
 *
 * - gradient of a convolution's input: a convolution with the rotated filter;
 * - gradient of its filter: a convolution of x with dy as the filter, images and channels exchanged;
 * - the transposed convolutions of stride 2 and kernel 2 do not overlap: matrix products, and a
 *   transposition of the pixels.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Weights } from "./tfjs.ts";

type Gradients = Record<string, tf.Tensor>;

const weightOf = (w: Weights, name: string) => w[`${name}.weight`] as unknown as tf.Tensor4D;

/** [2, 2, out, in] to the matrix [in, 2 2 out]. */
function convTransposeMatrix(filter: tf.Tensor4D): tf.Tensor2D {
  const [, , out, inner] = filter.shape;
  return tf.reshape(tf.transpose(filter, [3, 0, 1, 2]), [inner, 4 * out]);
}

/** [N, H, W, in] to [N, 2H, 2W, out]. */
export function convTranspose2x2(x: tf.Tensor4D, w: Weights, name: string): tf.Tensor4D {
  const [batch, height, width, inner] = x.shape;
  const filter = weightOf(w, name);
  const out = filter.shape[2];
  const pixels = tf.matMul(tf.reshape(x, [-1, inner]), convTransposeMatrix(filter));
  const blocks = tf.transpose(tf.reshape(pixels, [batch, height, width, 2, 2 * out]), [0, 1, 3, 2, 4]);
  return tf.add(tf.reshape(blocks, [batch, 2 * height, 2 * width, out]), w[`${name}.bias`]);
}

/** Computes the gradients of filter and bias, and returns the gradient of x. */
function convTranspose2x2Grad(
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  w: Weights,
  name: string,
  grads: Gradients,
): tf.Tensor4D {
  const [batch, height, width, inner] = x.shape;
  const filter = weightOf(w, name);
  const out = filter.shape[2];
  grads[`${name}.bias`] = tf.sum(tf.reshape(dy, [-1, out]), 0);
  const blocks = tf.transpose(tf.reshape(dy, [batch, height, 2, width, 2 * out]), [0, 1, 3, 2, 4]);
  const pixels = tf.reshape(blocks, [-1, 4 * out]) as tf.Tensor2D;
  const flat = tf.reshape(x, [-1, inner]) as tf.Tensor2D;
  const dMatrix = tf.matMul(tf.transpose(flat), pixels);
  grads[`${name}.weight`] = tf.transpose(tf.reshape(dMatrix, [inner, 2, 2, out]), [1, 2, 3, 0]);
  return tf.reshape(tf.matMul(pixels, tf.transpose(convTransposeMatrix(filter))), x.shape);
}

/** The gradient of the filter of a 3x3 convolution with padding 1. */
function filterGrad(x: tf.Tensor4D, dy: tf.Tensor4D): tf.Tensor4D {
  const images = tf.transpose(x, [3, 1, 2, 0]) as tf.Tensor4D;
  const filter = tf.transpose(dy, [1, 2, 0, 3]) as tf.Tensor4D;
  return tf.transpose(tf.conv2d(images, filter, 1, 1, "NHWC", 1, "floor"), [1, 2, 0, 3]) as tf.Tensor4D;
}

function inputGrad(dy: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  return tf.conv2d(dy, tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]) as tf.Tensor4D, 1, "same");
}

/**
 * The gradient through max pooling and ReLU together: dy where x is the largest of its window, and positive.
 */
function poolReluGrad(dy: tf.Tensor4D, pooled: tf.Tensor4D, x: tf.Tensor4D): tf.Tensor4D {
  const size: [number, number] = [x.shape[1], x.shape[2]];
  const larger = tf.image.resizeNearestNeighbor(pooled, size);
  const spread = tf.image.resizeNearestNeighbor(dy, size);
  return tf.mul(spread, tf.mul(tf.cast(tf.equal(x, larger), "float32"), tf.step(x)));
}

function convRelu(x: tf.Tensor4D, w: Weights, name: string): tf.Tensor4D {
  const filter = weightOf(w, name);
  return tf.fused.conv2d({ x, filter, bias: w[`${name}.bias`], strides: 1, pad: "same", activation: "relu" });
}

const pool = (x: tf.Tensor4D) => tf.maxPool(x, 2, 2, "valid");
const sumOfChannels = (dy: tf.Tensor4D) => tf.sum(tf.reshape(dy, [-1, dy.shape[3]]), 0);

/** The mean squared error of the reconstruction, and the gradients of all weights. */
export function lossAndGradients(masked: tf.Tensor4D, images: tf.Tensor4D, w: Weights) {
  const first = convRelu(masked, w, "encoder.0");
  const firstPooled = pool(first);
  const second = convRelu(firstPooled, w, "encoder.3");
  const secondPooled = pool(second);
  const third = tf.relu(convTranspose2x2(secondPooled, w, "decoder.0"));
  const output = tf.sigmoid(convTranspose2x2(third, w, "decoder.2"));
  const error = tf.sub(output, images);
  const value = tf.mean(tf.square(error)) as tf.Scalar;

  const grads: Gradients = {};
  const slope = tf.mul(output, tf.sub(1, output));
  const dOutput = tf.mul(tf.mul(error, 2 / images.size), slope) as tf.Tensor4D;
  const dThird = tf.mul(convTranspose2x2Grad(dOutput, third, w, "decoder.2", grads), tf.step(third)) as tf.Tensor4D;
  const dSecondPooled = convTranspose2x2Grad(dThird, secondPooled, w, "decoder.0", grads);
  const dSecond = poolReluGrad(dSecondPooled, secondPooled, second);
  grads["encoder.3.weight"] = filterGrad(firstPooled, dSecond);
  grads["encoder.3.bias"] = sumOfChannels(dSecond);
  const dFirst = poolReluGrad(inputGrad(dSecond, weightOf(w, "encoder.3")), firstPooled, first);
  grads["encoder.0.weight"] = filterGrad(masked, dFirst);
  grads["encoder.0.bias"] = sumOfChannels(dFirst);
  return { value, grads };
}
