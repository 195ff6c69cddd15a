import { DataError, OptionError, OutOfMemoryError } from "../errors.ts";
import { checkInteger, describe, readOptions } from "../ops/options.ts";
import { type GeneratorState, getRngState, setRngState } from "../tensor/generator.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readWholeFile, writeFileAtomically } from "./files.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import { type Json, packState, unpackState } from "./state_tree.ts";

/** What has a state: modules, optimizers, schedulers, data loaders. */
export interface Stateful {
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own form of state
  stateDict(): any;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own form of state
  loadStateDict(state: any): unknown;
}

/** What a checkpoint can hold the state of. */
export interface CheckpointParts {
  model?: Stateful;
  optimizer?: Stateful;
  scheduler?: Stateful;
  loader?: Stateful;
}

export interface CheckpointOptions extends CheckpointParts {
  /** Default 0. */
  epoch?: number;
  /** Default 0. */
  step?: number;
  /** Anything else that is needed to go on: numbers, strings, arrays, plain objects, tensors. */
  extra?: unknown;
}

/** Where training stood. */
export interface CheckpointPosition {
  epoch: number;
  step: number;
  /** What `saveCheckpoint` was given. Its tensors belong to the scope in which the checkpoint is loaded. */
  // biome-ignore lint/suspicious/noExplicitAny: the caller's own
  extra: any;
}

const FORMAT = "wasmgrad checkpoint 1";
const PARTS = ["model", "optimizer", "scheduler", "loader"] as const;

/**
 * Writes everything that training needs to go on exactly where it stands: the states of the parts given, and of the default random
 * generator. It is one safetensors file (weights are called `model.…` in it; what is no tensor is JSON in its metadata),
 * written atomically: on failure the old file stays as it was. Node only.
 *
 * @throws OptionError for an unknown option or a value in `extra` that cannot be saved; DataError when the file cannot be written.
 * @example
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { nn, optim } from "wasmgrad";
 * import { loadCheckpoint, saveCheckpoint } from "wasmgrad/io";
 * const path = join(tmpdir(), "wasmgrad-example-checkpoint.safetensors");
 * const model = new nn.Linear(2, 1);
 * const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
 * saveCheckpoint(path, { model, optimizer, epoch: 3, step: 750 });
 * console.log(loadCheckpoint(path, { model, optimizer }).epoch); // 3
 * ```
 */
export function saveCheckpoint(path: string, options: CheckpointOptions): void {
  const defaults = { epoch: 0, step: 0, extra: undefined as unknown, ...noParts() };
  const { epoch, step, extra, ...parts } = readOptions("saveCheckpoint", options, defaults);
  checkParts("saveCheckpoint", parts);
  checkInteger("saveCheckpoint", "epoch", epoch, 0);
  checkInteger("saveCheckpoint", "step", step, 0, Number.MAX_SAFE_INTEGER);
  writeFileAtomically(path, encode(parts, { epoch, step, extra: extra ?? null }));
}

/**
 * Loads a checkpoint into the parts given, all of which it must hold, and sets the default random generator. Either everything is
 * loaded or nothing is changed. Returns where training stood. Node only.
 *
 * @throws DataError when the file is missing, damaged, no checkpoint, or lacks the state of a part; StateDictError when a state
 * does not fit its part.
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * import { loadCheckpoint } from "wasmgrad/io";
 * try {
 *   loadCheckpoint("no-such-file.safetensors", { model: new nn.Linear(2, 1) });
 * } catch (error) {
 *   console.log((error as Error).name); // DataError
 * }
 * ```
 */
export function loadCheckpoint(path: string, options: CheckpointParts = {}): CheckpointPosition {
  const parts = readOptions("loadCheckpoint", options, noParts());
  checkParts("loadCheckpoint", parts);
  const bytes = readWholeFile(path);
  return scope(() => {
    const saved = decode(path, bytes);
    const given = PARTS.filter((name) => parts[name]);
    const missing = given.filter((name) => saved.parts[name] === undefined);
    if (missing.length > 0) throw new DataError(`${path}: the checkpoint has no state of ${missing.join(", ")}`);
    const before = encode(parts, { epoch: 0, step: 0, extra: null });
    try {
      apply(parts, saved);
    } catch (error) {
      apply(parts, decode(path, before));
      throw error;
    }
    return saved.position;
  });
}

function noParts(): CheckpointParts {
  return { model: undefined, optimizer: undefined, scheduler: undefined, loader: undefined };
}

interface Decoded {
  parts: Record<string, unknown>;
  random: unknown;
  position: CheckpointPosition;
}

/** Checks that each part given has a state. */
function checkParts(op: string, parts: CheckpointParts): void {
  for (const name of PARTS) {
    const part = parts[name];
    if (part === undefined) continue;
    if (typeof part?.stateDict !== "function" || typeof part.loadStateDict !== "function") {
      throw new OptionError(
        `${op}: ${name} expected something with stateDict() and loadStateDict(), got ${describe(part)}`,
      );
    }
  }
}

function encode(parts: CheckpointParts, position: CheckpointPosition): Uint8Array {
  const tensors = new Map<string, Tensor>();
  return scope(() => {
    const state: Record<string, Json> = {};
    for (const name of PARTS) {
      const part = parts[name];
      if (part) state[name] = packState(part.stateDict(), name, tensors);
    }
    const random = packState(getRngState(), "random", tensors);
    const { epoch, step, extra } = position;
    const json = { epoch, step, extra: packState(extra, "extra", tensors), random, parts: state };
    return writeSafetensors(Object.fromEntries(tensors), { metadata: { format: FORMAT, state: JSON.stringify(json) } });
  });
}

function decode(path: string, bytes: Uint8Array): Decoded {
  try {
    const file = readSafetensors(bytes);
    if (file.metadata.format !== FORMAT) throw new DataError("it is a safetensors file, but not a checkpoint");
    const { epoch, step, extra, random, parts } = JSON.parse(file.metadata.state);
    if (![epoch, step].every(Number.isInteger)) throw new DataError("it has no epoch and step");
    if (typeof parts !== "object" || parts === null) throw new DataError("it has no states of parts");
    const unpack = (json: Json) => unpackState(json, file.tensors);
    return {
      parts: unpack(parts) as Record<string, unknown>,
      random: unpack(random),
      position: { epoch, step, extra: unpack(extra) },
    };
  } catch (cause) {
    if (cause instanceof OutOfMemoryError) throw cause;
    throw new DataError(`${path}: cannot be loaded as a checkpoint: ${(cause as Error).message}`, { cause });
  }
}

function apply(parts: CheckpointParts, saved: Decoded): void {
  for (const name of PARTS) parts[name]?.loadStateDict(saved.parts[name]);
  setRngState(saved.random as GeneratorState);
}
