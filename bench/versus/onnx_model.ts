/** The forward pass of the inpainting autoencoder as an ONNX model, for runtimes that run only such files. */
import { tensor, zeros } from "wasmgrad";
import { exportOnnx } from "wasmgrad/onnx";
import { InpaintingAutoencoder } from "../../examples/inpainting/model.ts";

/** A weight: an array of floats in the layout that PyTorch, ONNX and wasmgrad share. */
export interface Weight {
  shape: readonly number[];
  data: Float32Array;
}

export const INPUT = "images";
export const OUTPUT = "reconstruction";

/** The bytes of a model from `images` to `reconstruction`, both [batch, 3, 32, 32]. */
export function onnxModel(weights: Readonly<Record<string, Weight>>, batch: number): Uint8Array {
  const model = new InpaintingAutoencoder().eval();
  const names = Object.keys(model.stateDict());
  model.loadStateDict(
    Object.fromEntries(names.map((name) => [name, tensor(weights[name].data, { shape: weights[name].shape })])),
  );
  const options = { dynamicBatch: false, inputNames: [INPUT], outputNames: [OUTPUT] };
  return exportOnnx(model, [zeros([batch, 3, 32, 32])], options);
}
