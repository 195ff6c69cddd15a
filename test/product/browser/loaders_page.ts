/** Posts what the threads of an isolated page do after an await of each loader, in code that never awaits. */
import { nn, randn, scope, setNumThreads, type Tensor } from "wasmgrad";
import { readCsv } from "wasmgrad/data";
import {
  fetchFile,
  loadCheckpoint,
  loadSafetensors,
  readSafetensors,
  saveCheckpoint,
  writeSafetensorsBlob,
  writeStored,
} from "wasmgrad/io";
import { exportOnnx, importOnnx } from "wasmgrad/onnx";
import { CIFAR10, decodeImage, fromPixelsAsync, ImageFolder, readImage } from "wasmgrad/vision";
import { CONTROL, MAX_SLOTS, SLOT, WORDS_PER_CACHE_LINE } from "../../../src/runtime/parallel/control.ts";

const PICTURE = "./data/test.png";
const LONGEST_MS = 2000;

const words = () => new Int32Array((globalThis as unknown as { theMemory: WebAssembly.Memory }).theMemory.buffer);
const anySlot = (word: number) =>
  Array.from({ length: MAX_SLOTS }, (_, i) => CONTROL.slots + i * WORDS_PER_CACHE_LINE).some(
    (slot) => Atomics.load(words(), slot + SLOT.retired) === 0 && Atomics.load(words(), slot + word) !== 0,
  );

/** Multiplies matrices until a worker takes part. The page's event loop does not run meanwhile. */
function workersTakePart(matrix: Tensor): boolean {
  const end = performance.now() + LONGEST_MS;
  let found = false;
  while (!found && performance.now() < end) {
    scope(() => {
      matrix.matmul(matrix); // its last kernel is still running
      found = anySlot(SLOT.inside);
    });
  }
  return found;
}

const picture = await (await fetch(PICTURE)).blob();
const weights = writeSafetensorsBlob({ weight: randn([20, 30]) }) as Blob;
const model = new nn.Linear(4, 3);
const file = exportOnnx(model.eval(), [randn([2, 4])]);
await writeStored("opfs:loaders/cats/1.png", picture);
await writeStored("opfs:weights.safetensors", weights);
await saveCheckpoint("opfs:run.safetensors", { model });

const LOADERS: Record<string, () => unknown> = {
  "no loader": () => null,
  fetchFile: () => fetchFile(PICTURE),
  "CIFAR10.load": () => CIFAR10.load({ root: "./data", train: false }),
  "ImageFolder.load": () => ImageFolder.load("opfs:loaders"),
  readCsv: () => readCsv("a,b\n1,2\n"),
  readImage: () => readImage(PICTURE),
  decodeImage: () => decodeImage(picture),
  fromPixelsAsync: () => fromPixelsAsync(picture),
  readSafetensors: () => readSafetensors(weights),
  loadSafetensors: () => loadSafetensors("opfs:weights.safetensors"),
  loadCheckpoint: () => loadCheckpoint("opfs:run.safetensors", { model }),
  importOnnx: () => importOnnx(file),
};

const answer: Record<string, unknown> = {};
const matrix = randn([256, 256]);
for (const [name, load] of Object.entries(LOADERS)) {
  setNumThreads(2); // ends the workers
  try {
    await load();
    answer[name] = [anySlot(SLOT.started), anySlot(SLOT.started) && workersTakePart(matrix)];
  } catch (error) {
    answer[name] = `${error}`;
  }
}
await fetch("/answer", { method: "POST", body: JSON.stringify({ isolated: crossOriginIsolated, ...answer }) });
