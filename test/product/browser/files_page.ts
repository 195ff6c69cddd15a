/** Posts what a page makes of pictures, weights and its storage. */
import decodeJpeg from "@jsquash/jpeg/decode.js";
import decodeWebp from "@jsquash/webp/decode.js";
import { nn } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import {
  fetchFile,
  listStored,
  loadSafetensors,
  removeStored,
  saveSafetensors,
  writeSafetensors,
  writeStored,
} from "wasmgrad/io";
import { decodeImage, fromPixels, fromPixelsAsync, ImageFolder, toPixels } from "wasmgrad/vision";

const answer: Record<string, unknown> = {};
const get = async (path: string) => (await fetch(path)).blob();
const nameOf = (error: unknown) => `${error}`;

/** A canvas with known opaque pixels, drawn by the library. */
function known(canvas: HTMLCanvasElement | OffscreenCanvas) {
  const data = Uint8ClampedArray.from({ length: 4 * 6 * 5 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
  const pixels = toPixels(fromPixels({ data, width: 6, height: 5 }), canvas);
  return { canvas, pixels };
}

async function pictures() {
  const names: string[] = await (await fetch("/images.json")).json();
  const images: Record<string, number[]> = {};
  for (const name of names) images[name] = [...(await decodeImage(await get(`/images/${name}`))).data];
  answer.images = images;
  answer.oriented = [...(await decodeImage(await get("/images/turned.jpg"), { applyExifOrientation: true })).data];
  const files = await Promise.all(names.filter((name) => name.endsWith(".png")).map((name) => get(`/images/${name}`)));
  const decoders = { ".jpg": decodeJpeg, webp: decodeWebp };
  const packages: Record<string, number[]> = {};
  for (const name of names) {
    const decode = decoders[name.slice(-4) as "webp"];
    if (!decode) continue;
    const pixels = await decode(await (await get(`/images/${name}`)).arrayBuffer());
    packages[name] = [...fromPixels(pixels, { channels: 4 }).data()];
  }
  answer.packages = packages;
  answer.batch = [...(await fromPixelsAsync(files, { size: [20, 24], fit: "cover" })).data()];
}

/** A folder of images in the page's storage, read as batches. */
async function folder() {
  for (const name of ["rgb.jpg", "gray.png", "lossless.webp"]) {
    await writeStored(`opfs:pets/${name.split(".")[0]}/${name}`, await get(`/images/${name}`));
  }
  const set = await ImageFolder.load("opfs:pets");
  const batches: unknown[] = [];
  for await (const [images, labels] of new DataLoader(set, { batchSize: 2 })) {
    batches.push([...images.data()], labels.toArray());
  }
  answer.folder = { classes: set.classes, batches };
  await removeStored("opfs:pets");
}

async function canvases() {
  const { canvas, pixels } = known(document.createElement("canvas"));
  const offscreen = known(new OffscreenCanvas(1, 1)).canvas as OffscreenCanvas;
  const image = new Image();
  image.src = (canvas as HTMLCanvasElement).toDataURL("image/png");
  await image.decode();
  const drawn = Object.assign(document.createElement("canvas"), { width: 6, height: 5 });
  drawn.getContext("2d")?.drawImage(image, 0, 0);
  const sources: Record<string, unknown> = {
    canvas,
    drawn,
    ImageBitmap: await createImageBitmap(offscreen),
    ImageData: pixels,
    img: image,
    OffscreenCanvas: offscreen,
    VideoFrame: new VideoFrame(offscreen, { timestamp: 0 }),
    video: await playing(canvas as HTMLCanvasElement),
  };
  const results = Object.entries(sources).map(([name, source]) => [name, [...fromPixels(source as never).data()]]);
  answer.canvases = Object.fromEntries(results);
}

/** A video of a canvas. */
async function playing(canvas: HTMLCanvasElement): Promise<HTMLVideoElement> {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = canvas.captureStream();
  const loaded = new Promise((resolve) => video.addEventListener("loadeddata", resolve, { once: true }));
  void video.play();
  const repaint = setInterval(() => known(canvas), 20); // a stream has a frame only after a change
  await loaded;
  clearInterval(repaint);
  return video;
}

async function weights() {
  const bytesOf = async (blob: Blob) => [...new Uint8Array(await blob.arrayBuffer())];
  const progress: unknown[] = [];
  const url = new URL("/weights", location.href);
  await fetchFile("/weights", { onProgress: (now) => void progress.push(now) });
  const { tensors } = await loadSafetensors(url); // now from the cache
  await saveSafetensors("opfs:runs/a.safetensors", tensors);
  const listed = (await listStored()).map(({ path, size }) => ({ path, size }));
  const stored = await loadSafetensors("opfs:runs/a.safetensors");
  // a file is replaced only when it is complete
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("runs");
  const stream = await (await folder.getFileHandle("a.safetensors")).createWritable();
  await stream.write("half a file");
  const afterFailure = await loadSafetensors("opfs:runs/a.safetensors");
  await stream.abort();
  const model = new nn.Linear(30, 40, { bias: false });
  model.loadStateDict(stored.tensors);
  const controller = new AbortController();
  controller.abort();
  answer.weights = {
    fetched: await bytesOf(await fetchFile("/weights")),
    progress: progress.at(-1),
    stored: [...writeSafetensors(model.stateDict())],
    listed,
    afterFailure: [...writeSafetensors(afterFailure.tensors)],
    missing: await loadSafetensors(new URL("/none", location.href)).catch(nameOf),
    path: await (async () => saveSafetensors("a.safetensors", tensors))().catch(nameOf),
    aborted: await fetchFile("/weights?2", { signal: controller.signal }).catch((error) => error.name),
    inWorker: await inWorker(),
    afterRemoval: (await removeStored("opfs:runs")) && (await listStored()),
  };
}

/** The stored file as a worker of this page reads it. */
function inWorker(): Promise<number[]> {
  const worker = new Worker("/page.js", { type: "module", name: "storage" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
}

if (typeof document === "undefined") {
  const { tensors } = await loadSafetensors("opfs:runs/a.safetensors");
  await saveSafetensors("opfs:runs/worker.safetensors", tensors);
  postMessage([...writeSafetensors((await loadSafetensors("opfs:runs/worker.safetensors")).tensors)]);
} else {
  try {
    await removeStored("opfs:runs");
    await pictures();
    await folder();
    await canvases();
    await weights();
  } catch (error) {
    answer.error = `${error} ${(error as Error).stack}`;
  }
  await fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
}
