/** The worker of the page: it keeps the pictures, trains and predicts. The page only shows what it answers. */
import { expose } from "comlink";
import { getNumThreads } from "wasmgrad";
import { Classroom, type Picture, type Progress, type Recipe, type Report, type Topic } from "./classroom.ts";
import { SIDE, shrink } from "./pictures.ts";
import { SAMPLE_IMAGES } from "./sample.ts";

const encoderUrl = new URL("./encoder.safetensors", import.meta.url);
const picturesUrl = new URL("./pictures.png", import.meta.url);

/** Longer sides of pictures are drawn at this many pixels, before the library resizes them. */
const LARGEST = 512;

/** A picture as the page shows it. */
export interface Shown {
  /** 32 x 32 pixels, RGBA. */
  bytes: Uint8ClampedArray<ArrayBuffer>;
  heldOut: boolean;
}

export interface Lesson extends Report {
  seconds: number;
}

export interface Prediction {
  bytes: Uint8ClampedArray<ArrayBuffer>;
  probabilities: number[] | undefined;
}

export interface Setup {
  threads: number;
  encoderBytes: number;
}

function pixelsOf(bitmap: ImageBitmap): ImageData {
  const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(SIDE, Math.round(side * scale)));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** A picture's square centre in 32 x 32 pixels. */
async function shrunk(source: Blob | ImageBitmap): Promise<Uint8ClampedArray<ArrayBuffer>> {
  if (source instanceof ImageBitmap) return shrink(pixelsOf(source));
  const bitmap = await createImageBitmap(source).catch(() => undefined);
  if (!bitmap) {
    const name = source instanceof File ? `"${source.name}"` : "This file";
    throw new Error(`${name} is not a picture that this browser can read.`);
  }
  return shrink(pixelsOf(bitmap));
}

async function fetchBytes(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: the server answered ${response.status}.`);
  return response;
}

/** What the page calls, by comlink. A class is known by a number that the page chose. */
export class Teacher {
  #room: Classroom | undefined;
  readonly #pictures = new Map<number, Shown[]>();

  /** Loads the encoder, and says how many bytes have come. Pictures can be added meanwhile. */
  async begin(onProgress: (bytes: number) => void): Promise<Setup> {
    const { body } = await fetchBytes(encoderUrl);
    let bytes = 0;
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        bytes += part.length;
        onProgress(bytes);
        controller.enqueue(part);
      },
    });
    const weights = new Uint8Array(await new Response(body!.pipeThrough(count)).arrayBuffer());
    this.#room = new Classroom(weights);
    return { threads: getNumThreads(), encoderBytes: weights.length };
  }

  #classroom(): Classroom {
    if (!this.#room) throw new Error("The encoder is not loaded yet.");
    return this.#room;
  }

  #of(id: number): Shown[] {
    const list = this.#pictures.get(id) ?? [];
    this.#pictures.set(id, list);
    return list;
  }

  /** Adds a picture to a class. */
  async add(id: number, source: Blob | ImageBitmap, heldOut: boolean): Promise<Shown> {
    const shown = { bytes: await shrunk(source), heldOut };
    this.#of(id).push(shown);
    return shown;
  }

  /** Holds out the last pictures of a class. */
  holdOutLast(id: number, count: number): void {
    if (count > 0) for (const picture of this.#of(id).slice(-count)) picture.heldOut = true;
  }

  removeLast(id: number, count: number): void {
    const list = this.#of(id);
    list.length = Math.max(0, list.length - count);
  }

  removeClass(id: number): void {
    this.#pictures.delete(id);
  }

  /** Adds the images of CIFAR-10 to classes. Every other one is held out. */
  async addSample(ids: readonly number[]): Promise<Shown[][]> {
    const bitmap = await createImageBitmap(await (await fetchBytes(picturesUrl)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(bitmap, 0, 0);
    return ids.map((id, row) => {
      const shown = Array.from({ length: SAMPLE_IMAGES }, (_, column): Shown => {
        const { data } = context.getImageData(column * SIDE, row * SIDE, SIDE, SIDE);
        return { bytes: Uint8ClampedArray.from(data), heldOut: column % 2 === 1 };
      });
      this.#of(id).push(...shown);
      return shown;
    });
  }

  /** Trains on the pictures of these classes. The report's `predicted` is in the order of classes and pictures. */
  async learn(ids: readonly number[], recipe: Recipe, onProgress: (progress: Progress) => void): Promise<Lesson> {
    const started = performance.now();
    const pictures: Picture[] = ids.flatMap((id, label) => this.#of(id).map((shown) => ({ ...shown, label })));
    const report = await this.#classroom().learn(pictures, ids.length, recipe, onProgress);
    return { ...report, seconds: (performance.now() - started) / 1000 };
  }

  stop(): void {
    this.#room?.stop();
  }

  async predict(source: Blob | ImageBitmap): Promise<Prediction> {
    const bytes = await shrunk(source);
    return { bytes, probabilities: this.#classroom().predict(bytes) };
  }

  /** The same for a picture of the page's own: the one at `index` of a class. */
  predictOwn(id: number, index: number): Prediction {
    const { bytes } = this.#of(id)[index];
    return { bytes, probabilities: this.#classroom().predict(bytes) };
  }

  save(topics: readonly Topic[]): Uint8Array<ArrayBuffer> | undefined {
    return this.#classroom().save(topics);
  }

  async load(file: Blob): Promise<readonly Topic[]> {
    return this.#classroom().load(new Uint8Array(await file.arrayBuffer()));
  }

  /** Forgets all pictures and what was learnt. */
  reset(): void {
    this.#pictures.clear();
    this.#room?.reset();
  }
}

expose(new Teacher());
