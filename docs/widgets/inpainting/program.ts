/** The program of the page. It runs in Node too, to the same bits: see in_node.ts. */
import { Generator, noGrad, scope, Tensor, tensor } from "wasmgrad";
import { Subset } from "wasmgrad/data";
import { readSafetensors, writeSafetensors } from "wasmgrad/io";
import { Trainer, type TrainerState } from "wasmgrad/train";
import { masks, toPixels } from "wasmgrad/vision";
import { evaluate, forEachTestBatch } from "../../../examples/inpainting/evaluate.ts";
import type { Images } from "../../../examples/inpainting/images.ts";
import { type Keep, keepValues, trainingParts } from "../../../examples/inpainting/training.ts";
import { SIDE } from "./shape.ts";

/** The settings of `npm start`. If "values" are hidden, the weights are the same as there, bit for bit. */
export const SETTINGS = { seed: 0, batchSize: 4, lr: 1e-3, mask: 0.5 };

/** What is hidden while the network learns. */
export type Hidden = "values" | "squares";

const KEEP: Record<Hidden, Keep> = {
  values: keepValues(SETTINGS.mask),
  squares: (shape, generator) => masks.randomBlocks(shape, { size: 4, count: 20, generator }),
};

/** Steps between two entries of the loss log. */
export const LOG_EVERY = 10;
/** Number of pictures that are shown as original, masked and reconstructed. */
export const SHOWN = 8;

const BRUSH_SEED = 1;

type Rgba = Uint8ClampedArray<ArrayBuffer>;

/** Pixels of shown pictures, four bytes each. */
export interface Columns {
  original: Rgba[];
  masked: Rgba[];
  reconstructed: Rgba[];
}

const pixelsOf = (images: Tensor): Rgba[] =>
  Array.from({ length: images.shape[0] }, (_, i) => toPixels(images.select(0, i)).data as Rgba);

/** Trains the autoencoder on `train`, and tests it on `test`. */
export class InpaintingProgram {
  readonly hidden: Hidden;
  readonly trainer: Trainer;
  readonly #model: ReturnType<typeof trainingParts>["model"];
  readonly #keep: Keep;
  readonly #test: Images;
  readonly #shown: Images;
  #end = Number.POSITIVE_INFINITY;

  constructor(train: Images, test: Images, hidden: Hidden) {
    this.hidden = hidden;
    this.#keep = KEEP[hidden];
    this.#test = test;
    this.#shown = new Subset(test, [...Array(Math.min(SHOWN, test.length)).keys()]);
    const parts = trainingParts(train, SETTINGS, this.#keep);
    this.#model = parts.model;
    this.trainer = new Trainer({
      ...parts,
      validate: () => evaluate(parts.model, test, this.#keep, 1),
      epochs: 1_000_000,
      logEvery: LOG_EVERY,
      callbacks: [{ onStep: (trainer) => trainer.place.step >= this.#end && trainer.stop() }],
    });
  }

  get step(): number {
    return this.trainer.place.step;
  }

  get testImages(): number {
    return this.#test.length;
  }

  /** Trains for so many steps, or until `trainer.stop()`. */
  async run(steps: number): Promise<void> {
    this.#end = this.step + steps;
    await this.trainer.fit();
  }

  /** The first test pictures, with the same mask each time. */
  show(): Columns {
    let columns: Columns | undefined;
    forEachTestBatch(this.#model, this.#shown, this.#keep, ({ images, masked, outputs }) => {
      columns = { original: pixelsOf(images), masked: pixelsOf(masked), reconstructed: pixelsOf(outputs) };
    });
    return columns as Columns;
  }

  /**
   * What the network makes of a test picture of which only some pixels are given (1: given, 0: hidden). A
   * network that has learned with half of all values hidden gets only half of the given values here too.
   */
  reconstruct(picture: number, given: Uint8Array): Rgba {
    return scope(() =>
      noGrad(() => {
        const pixels = tensor(Float32Array.from(given), { shape: [1, 1, SIDE, SIDE] });
        const values = this.hidden === "values" ? this.#keep([1, 3, SIDE, SIDE], new Generator(BRUSH_SEED)) : 1;
        const [image] = this.#test.get(picture);
        return pixelsOf(this.#model.forward(image.unsqueeze(0).mul(pixels).mul(values)))[0];
      }),
    );
  }

  /** SHA-256 of all weights, in hexadecimal. */
  async fingerprint(): Promise<string> {
    const bytes = scope(() =>
      Object.values(this.#model.stateDict()).map(
        (weight) => new Uint8Array((weight.data() as Float32Array).slice().buffer),
      ),
    );
    const hash = await crypto.subtle.digest("SHA-256", await new Blob(bytes).arrayBuffer());
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** The weights as a safetensors file, which `npm start` and PyTorch's names fit. */
  weights(): Uint8Array<ArrayBuffer> {
    return scope(() => writeSafetensors(this.#model.stateDict()) as Uint8Array<ArrayBuffer>);
  }

  /** @throws StateDictError, DataError for another file; the weights then stay as they are. */
  loadWeights(bytes: Uint8Array): void {
    scope(() => this.#model.loadStateDict(readSafetensors(bytes).tensors));
  }

  /** All that training needs to go on with the same bits, without tensors: a page can store it. */
  state(): unknown {
    return scope(() => withoutTensors(this.trainer.stateDict()));
  }

  /** @throws StateDictError for the state of another program. Nothing changes in that case. */
  load(state: unknown): void {
    scope(() => this.trainer.loadStateDict(withTensors(state) as TrainerState));
  }
}

interface PlainTensor {
  $values: Float32Array;
  $shape: number[];
}

const mapObject = (object: object, change: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

function withoutTensors(value: unknown): unknown {
  if (value instanceof Tensor) return { $values: value.data().slice(), $shape: value.shape } as PlainTensor;
  if (Array.isArray(value)) return value.map(withoutTensors);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return mapObject(value, withoutTensors);
}

function withTensors(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withTensors);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const { $values, $shape } = value as PlainTensor;
  return $values ? tensor($values, { shape: $shape }) : mapObject(value, withTensors);
}
