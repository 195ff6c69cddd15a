/** The networks whose training steps are timed, and what shows that they compute the same as PyTorch's. */
import { manualSeed, noGrad, randint, randn, scope, type Tensor } from "wasmgrad";
import { dcgan } from "./dcgan.ts";
import { gpt } from "./gpt.ts";
import { mobilenetv2 } from "./mobilenetv2.ts";
import type { Program } from "./program.ts";
import { resnet18 } from "./resnet18.ts";
import { unet } from "./unet.ts";
import { vit } from "./vit.ts";

/** Inputs and targets of a step. */
export interface Batch {
  x: Tensor;
  y: Tensor;
}

export interface ModelDefinition {
  /** Of the PyTorch program in models.py, and of the recorded values. */
  name: string;
  label: string;
  /** Images or sequences of the steps that are timed. */
  batches: readonly [small: number, large: number];
  build(): Program;
  draw(batch: number): Batch;
}

/** Of the values that the tests compare: fast, and enough to normalise over. */
export const TINY_BATCH = 2;
const CHARACTERS = 65;
const LENGTH = 128;

const images = (batch: number) => ({ x: randn([batch, 3, 32, 32]), y: randint(0, 10, [batch]) });

export const models: readonly ModelDefinition[] = [
  { name: "resnet18", label: "ResNet-18", batches: [4, 64], build: resnet18, draw: images },
  {
    name: "unet",
    label: "U-Net",
    batches: [2, 16],
    build: unet,
    draw: (batch) => ({ x: randn([batch, 3, 64, 64]), y: randn([batch, 1, 64, 64]).gt(0).float() }),
  },
  { name: "mobilenetv2", label: "MobileNetV2", batches: [4, 32], build: mobilenetv2, draw: images },
  { name: "vit", label: "ViT-tiny", batches: [4, 32], build: vit, draw: images },
  {
    name: "gpt",
    label: "GPT",
    batches: [2, 32],
    build: gpt,
    draw(batch) {
      const text = randint(0, CHARACTERS, [batch, LENGTH + 1]);
      return { x: text.narrow(1, 0, LENGTH), y: text.narrow(1, 1, LENGTH) };
    },
  },
  {
    name: "dcgan",
    label: "DCGAN",
    batches: [4, 32],
    build: dcgan,
    draw: (batch) => ({ x: randn([batch, 3, 64, 64]).tanh(), y: randn([batch, 100, 1, 1]) }),
  },
];

export function findModel(name: string | undefined): ModelDefinition {
  const model = models.find((candidate) => candidate.name === name);
  if (!model) throw new Error(`no model "${name}", only ${models.map(({ name }) => name)}`);
  return model;
}

/** A network with the weights that belong to it in the comparison, and a batch: always the same. */
export function prepareModel({ build, draw }: ModelDefinition, batch: number): { program: Program; data: Batch } {
  manualSeed(7);
  const program = build();
  return { program, data: draw(batch) };
}

/** What is compared with PyTorch's values. */
export interface ModelValues {
  /** The first elements of the output, without training. */
  output: number[];
  /** Of the first two steps: the second one shows what the gradients and the optimizer did. */
  losses: number[];
  /** The norm of each weight's gradient after the first step. */
  gradients: number[];
}

const OUTPUTS = 16;

/** Takes two training steps. */
export function valuesOf({ model, forward, step }: Program, { x, y }: Batch): ModelValues {
  model.eval();
  const output = Array.from(scope(() => noGrad(() => forward(x, y).flatten().data())).subarray(0, OUTPUTS));
  model.train();
  const first = scope(() => step(x, y));
  const gradients = scope(() => model.parameters().map(({ grad }) => Math.sqrt(grad!.square().sum().item())));
  return { output, losses: [...first, ...scope(() => step(x, y))], gradients };
}

/**
 * The largest differences that rounding explains, relative to the largest value of each list. A value near
 * 0 before a ReLU may fall on the other side of it: batch norm over few images passes that on to all
 * gradients.
 */
const TOLERANCE: Record<keyof ModelValues, number> = {
  output: 1e-4,
  losses: 5e-3,
  gradients: 2e-2,
};

/**
 * The relative difference between the two first losses. Throws where any value differs by more than
 * rounding.
 */
export function compareModels(name: string, ours: ModelValues, theirs: ModelValues): number {
  for (const part of ["output", "losses", "gradients"] as const) {
    const [own, other] = [ours[part], theirs[part]];
    if (own.length === 0 || own.length !== other.length) {
      throw new Error(`wrong ${part} of ${name}: ${other.length} values, ours has ${own.length}`);
    }
    const size = Math.max(...own.map(Math.abs));
    own.forEach((value, i) => {
      if (!(Math.abs(other[i] - value) <= TOLERANCE[part] * size)) {
        throw new Error(`wrong ${part} of ${name}: value ${i} is ${other[i]}, ours is ${value}`);
      }
    });
  }
  return Math.abs(theirs.losses[0] - ours.losses[0]) / Math.abs(ours.losses[0]);
}
