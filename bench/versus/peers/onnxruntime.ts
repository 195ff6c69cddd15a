/**
 * The program that runs onnxruntime, forward only: the native and the WebAssembly version, which have the
 * same interface.
 * usage: tsx onnxruntime.ts native|wasm INPUTS THREADS ""
 */
import { createRequire } from "node:module";
import type { InferenceSession } from "onnxruntime-common";
import { INPUT, OUTPUT, onnxModel } from "../onnx_model.ts";
import { first, serve } from "./serve.ts";

const variant = process.argv[2] as "native" | "wasm";

await serve(async (inputs, threads) => {
  const name = variant === "native" ? "onnxruntime-node" : "onnxruntime-web";
  const runtime: typeof import("onnxruntime-common") = await import(name);
  const { version } = createRequire(import.meta.url)(`../node_modules/${name}/package.json`);
  if (variant === "wasm") runtime.env.wasm.numThreads = threads;
  const options: InferenceSession.SessionOptions = {
    executionProviders: [variant === "native" ? "cpu" : "wasm"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  };
  return {
    version,
    async prepare({ kind, batch }) {
      if (kind === "train") throw new Error("cannot train");
      const session = await runtime.InferenceSession.create(onnxModel(inputs, batch), options);
      const { data, shape } = first(batch, inputs.images);
      const feeds = { [INPUT]: new runtime.Tensor("float32", data, shape) };
      return {
        check: async () => Array.from((await session.run(feeds))[OUTPUT].data as Float32Array),
        step: () => session.run(feeds),
      };
    },
  };
});
