/**
 * Measures the import of ONNX files of 100 MB: milliseconds of reading and of the import, and the peak of
 * memory beyond the file and the weights. Each file is imported in its own process.
 * usage: tsx scripts/onnx/measure_import.ts
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memory } from "wasmgrad";
import { importOnnx } from "wasmgrad/onnx";
import { type ElementType, externalTensor, model, node, type TensorInit } from "../../test/support/onnx_model.ts";

/** 25 weights of a million elements. */
const COUNT = 25;
const DIMS = [1000, 1000];
const MIB = 2 ** 20;

/** The most memory that this process had, in bytes (Linux). */
const peak = () => 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

async function measure(path: string): Promise<void> {
  await importOnnx(model({ nodes: [node("Neg", ["x"], ["y"])], inputs: ["x"], outputs: ["y"] })); // compiles
  const before = peak();
  const bytes = statSync(path).size;
  const start = performance.now();
  readFileSync(path);
  const read = performance.now() - start;
  const imported = performance.now();
  const { length } = (await importOnnx(path)).parameters();
  const took = performance.now() - imported;
  if (length !== COUNT) throw new Error(`expected ${COUNT} parameters, got ${length}`);
  const weights = memory().liveBytes;
  const beyond = peak() - before - weights - bytes;
  console.log(
    `file ${(bytes / MIB).toFixed(0)} MiB: reading ${read.toFixed(0)} ms, import with reading ${took.toFixed(0)} ms; ` +
      `weights ${(weights / MIB).toFixed(0)} MiB, beyond both ${(beyond / MIB).toFixed(0)} MiB`,
  );
}

/** A million elements, as the bytes of the type. */
function elementsOf(type: ElementType): Uint8Array {
  const values = Float32Array.from({ length: 1e6 }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
  if (type === "double") return new Uint8Array(Float64Array.from(values).buffer);
  const bytes = new Uint8Array(values.buffer);
  return type === "float" ? bytes : bytes.filter((_, i) => i % 4 >= 2); // the upper halves: bfloat16
}

function files(): Record<string, { bytes: Uint8Array; external?: Uint8Array }> {
  const tensors = (make: (name: string) => TensorInit) => {
    const names = Array.from({ length: COUNT }, (_, i) => `w${i}`);
    const nodes = names.map((name, i) => node("MatMul", [i === 0 ? "x" : `h${i - 1}`, name], [`h${i}`]));
    return model({ nodes, inputs: ["x"], outputs: [`h${COUNT - 1}`], initializers: names.map(make) });
  };
  const dims = DIMS.map(BigInt);
  const raw = (type: ElementType, dataType: number) => {
    const rawData = elementsOf(type);
    return { bytes: tensors((name) => ({ name, dims, dataType, rawData })) };
  };
  const floats = [...new Float32Array(elementsOf("float").buffer)];
  const external = Buffer.concat(Array(COUNT).fill(elementsOf("float")));
  return {
    float: raw("float", 1),
    "float in float_data": { bytes: tensors((name) => ({ name, dims, dataType: 1, floatData: floats })) },
    bfloat16: raw("bfloat16", 16),
    float16: raw("float16", 10),
    double: raw("double", 11),
    "float in another file": {
      bytes: tensors((name) => externalTensor(name, DIMS, { location: "w.bin", offset: 4e6 * Number(name.slice(1)) })),
      external,
    },
  };
}

if (process.argv[2]) await measure(process.argv[2]);
else {
  const folder = mkdtempSync(join(tmpdir(), "onnx-"));
  try {
    for (const [name, { bytes, external }] of Object.entries(files())) {
      const path = join(folder, "model.onnx");
      writeFileSync(path, bytes);
      if (external) writeFileSync(join(folder, "w.bin"), external);
      console.log(name);
      spawnSync(process.execPath, ["--import", "tsx", fileURLToPath(import.meta.url), path], { stdio: "inherit" });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
