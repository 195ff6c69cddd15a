import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Tensor, tensor } from "wasmgrad";

/** An array as the generator writes it. */
export interface FixtureArray {
  shape: number[];
  dtype: "float32" | "int32";
  data: number[];
}

// biome-ignore lint/suspicious/noExplicitAny: every op has its own options
export type FixtureOptions = Record<string, any>;

export interface OpFixture {
  name: string;
  op: string;
  options: FixtureOptions;
  inputs: Record<string, FixtureArray | null>;
  output: FixtureArray;
  gradOutput: FixtureArray | null;
  grads: Record<string, FixtureArray | null>;
}

/** The path of p under gradient descent on 0.5 p'Ap - b'p, one row per step. */
export interface OptimFixture {
  name: string;
  op: "optim";
  kind: "SGD" | "Adam" | "AdamW" | "RMSprop";
  options: FixtureOptions;
  A: FixtureArray;
  b: FixtureArray;
  p0: FixtureArray;
  trajectory: FixtureArray;
}

/** Adam steps of a small inpainting autoencoder from given weights. */
export interface ModelFixture {
  name: string;
  op: "model";
  widths: [number, number];
  lr: number;
  init: Record<string, FixtureArray>;
  input: FixtureArray;
  mask: FixtureArray;
  losses: number[];
  final: Record<string, { shape: number[]; sum: number; l2: number }>;
}

export type Fixture = OpFixture | OptimFixture | ModelFixture;

/**
 * Python writes NaN and infinities as bare words, which JSON does not allow. They become strings, which typed
 * arrays convert to numbers.
 */
function parse(text: string): Fixture {
  return JSON.parse(text.replace(/([[,]\s*)(NaN|-?Infinity)/g, '$1"$2"')) as Fixture;
}

/** All fixtures of a folder, by name. */
export function readFixtures(folder: string): [string, Fixture][] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => [file.slice(0, -".json".length), parse(readFileSync(join(folder, file), "utf8"))]);
}

export function isOpFixture(fixture: Fixture): fixture is OpFixture {
  return fixture.op !== "optim" && fixture.op !== "model";
}

export function toTensor({ shape, dtype, data }: FixtureArray, requiresGrad = false): Tensor {
  return dtype === "int32"
    ? tensor(Int32Array.from(data), { shape })
    : tensor(Float32Array.from(data), { shape, requiresGrad });
}

/** The folders with fixtures: the environment variable WASMGRAD_FIXTURES names another folder. */
export function fixtureFolders(): string[] {
  const given = process.env.WASMGRAD_FIXTURES;
  return given
    ? [given]
    : ["../fixtures", "../fixtures/more"].map((path) => fileURLToPath(new URL(path, import.meta.url)));
}
