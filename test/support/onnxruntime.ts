/**
 * Runs ONNX models in onnxruntime's WebAssembly build, an implementation that shares nothing with wasmgrad.
 * The native build is no dependency: onnxruntime-node is 290 MB for five platforms, and its installation on
 * Linux downloads more from another host. With ONNXRUNTIME=native, the one that `npm run bench:versus` has
 * installed runs the models.
 *
 * With ONNX_MODELS=folder the models are also written there, for scripts/onnx/check_export.py.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import web from "onnxruntime-web";
import { type Tensor, tensor } from "wasmgrad";

const isNative = process.env.ONNXRUNTIME === "native";
const native = new URL("../../bench/versus/node_modules/onnxruntime-node/dist/index.js", import.meta.url);
const ort: typeof web = isNative ? (await import(native.href)).default : web;

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

/** The outputs of a model, by name, for inputs by name. bool is returned as int32. */
export async function runOnnx(
  model: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
  externalData: Readonly<Record<string, Uint8Array>> = {},
): Promise<Record<string, Tensor>> {
  const folder = process.env.ONNX_MODELS;
  if (folder && Object.keys(externalData).length === 0) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/${createHash("sha256").update(model).digest("hex").slice(0, 16)}.onnx`, model);
  }
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [isNative ? "cpu" : "wasm"],
    externalData: Object.entries(externalData).map(([path, data]) => ({ path, data })),
  });
  try {
    const feeds = Object.entries(inputs).map(([name, x]) => {
      const data = x.dtype === "bool" ? Uint8Array.from(x.data()) : x.data();
      return [name, new ort.Tensor(x.dtype, data as Float32Array, x.shape)] as const;
    });
    const results = await session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(results).map(([name, { data, dims }]) => {
        const values = data instanceof Uint8Array ? Int32Array.from(data) : (data as Float32Array | Int32Array);
        return [name, tensor(values, { shape: [...dims] })];
      }),
    );
  } finally {
    await session.release();
  }
}

/** ‖actual − expected‖ / ‖expected‖ of the finite elements; Infinity if the others differ. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  if (`${actual.shape}` !== `${expected.shape}`) return Infinity;
  const [a, b] = [actual.data(), expected.data()];
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    if (!Number.isFinite(b[i])) {
      if (!Object.is(a[i], b[i])) return Infinity;
      continue;
    }
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  if (Number.isNaN(difference)) return Infinity;
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}
