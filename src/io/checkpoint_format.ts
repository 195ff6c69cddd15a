import { describe } from "../checks.ts";
import { DataError, OptionError } from "../errors.ts";
import type { TypedArray } from "../ops/core/array.ts";
import { getRngState, setRngState } from "../tensor/generator.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { OwnBytes } from "../typed_arrays.ts";
import { allOrNothing } from "./all_or_nothing.ts";
import { DeferredTensors } from "./deferred_tensors.ts";
import { type ByteSource, readFrom } from "./pieces.ts";
import { writeSafetensors } from "./safetensors.ts";
import { dtypeOf, readingElements, readingHeader } from "./safetensors_read.ts";
import { type FilePieces, layOut } from "./safetensors_write.ts";
import { type Json, packState, unpackState } from "./state_tree.ts";

/** An object with a state: a module, an optimizer, a scheduler, a data loader. */
export interface Stateful {
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own form of state
  stateDict(): any;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own form of state
  loadStateDict(state: any): unknown;
}

/** The objects whose state a checkpoint can hold. */
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
  /** Anything else that the program needs to continue: numbers, strings, arrays, plain objects, tensors. */
  extra?: unknown;
}

/** The position of training when the checkpoint was saved. */
export interface CheckpointPosition {
  epoch: number;
  step: number;
  /**
   * The value of `saveCheckpoint`'s option `extra`. Its tensors belong to the scope in which the checkpoint
   * is loaded.
   */
  // biome-ignore lint/suspicious/noExplicitAny: its type is known only to the caller
  extra: any;
}

/** What a checkpoint's metadata says it is. */
const FORMAT = "wasmgrad checkpoint 1";
const PARTS = ["model", "optimizer", "scheduler", "loader"] as const;

/** Loads a checkpoint into the parts. Either everything is loaded or nothing is changed. */
export function loadFrom(path: string, source: ByteSource, parts: CheckpointParts): CheckpointPosition {
  const deferred = new DeferredTensors();
  // the tensors of `extra` belong to this scope until they are read, then to the enclosing scope
  return scope(() => {
    const inner = new Scope("loadCheckpoint");
    try {
      const saved = decode(path, source, deferred);
      const given = PARTS.filter((name) => parts[name]);
      const missing = given.filter((name) => saved.parts[name] === undefined);
      if (missing.length > 0) throw new DataError(`${path}: the checkpoint has no state of ${missing.join(", ")}`);
      return allOrNothing("loadCheckpoint", [...given.map((name) => parts[name] as Stateful), DEFAULT_RANDOM], () => {
        for (const name of given) parts[name]?.loadStateDict(saved.parts[name]);
        DEFAULT_RANDOM.loadStateDict(saved.random);
        inner.moveToParent(saved.position);
        inner.close();
        deferred.readOwned(); // the tensors of `extra`, and tensors that a part kept
        return saved.position;
      });
    } finally {
      inner.close();
    }
  });
}

/** The bytes of a checkpoint's file. */
export function checkpointBytes(parts: CheckpointParts, position: CheckpointPosition): OwnBytes {
  return scope(() => writeSafetensors(...contentsOf(parts, position)));
}

/** The default random generator as an object with a state. */
const DEFAULT_RANDOM: Stateful = { stateDict: getRngState, loadStateDict: setRngState };

export function noParts(): CheckpointParts {
  return { model: undefined, optimizer: undefined, scheduler: undefined, loader: undefined };
}

/** Checks that each given part has `stateDict()` and `loadStateDict()`. */
export function checkParts(op: string, parts: CheckpointParts): void {
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

interface Decoded {
  parts: Record<string, unknown>;
  random: unknown;
  position: CheckpointPosition;
}

/** The states of the parts and of the default random generator, as JSON. Their tensors go into `tensors`. */
function packStates(
  parts: CheckpointParts,
  tensors: Map<string, Tensor>,
): { parts: Record<string, Json>; random: Json } {
  const states: Record<string, Json> = {};
  for (const name of PARTS) {
    const part = parts[name];
    if (part) states[name] = packState(part.stateDict(), name, tensors);
  }
  return { parts: states, random: packState(getRngState(), "random", tensors) };
}

/** The tensors and the metadata of a checkpoint's file. */
function contentsOf(
  parts: CheckpointParts,
  { epoch, step, extra }: CheckpointPosition,
): Parameters<typeof writeSafetensors> {
  const tensors = new Map<string, Tensor>();
  const states = packStates(parts, tensors);
  const json = { epoch, step, extra: packState(extra, "extra", tensors), ...states };
  return [Object.fromEntries(tensors), { metadata: { format: FORMAT, state: JSON.stringify(json) } }];
}

export function layOutCheckpoint(parts: CheckpointParts, position: CheckpointPosition): FilePieces {
  return layOut(...contentsOf(parts, position));
}

/** Decodes a checkpoint. Its tensors are read from `source` when they are first used. */
function decode(path: string, source: ByteSource, deferred: DeferredTensors): Decoded {
  try {
    const { entries, metadata, dataStart } = readFrom(source, readingHeader(source.size));
    if (metadata.format !== FORMAT) throw new DataError("it is a safetensors file, but not a checkpoint");
    const { epoch, step, extra, random, parts } = JSON.parse(metadata.state);
    if (![epoch, step].every(Number.isInteger)) throw new DataError("it has no epoch and step");
    if (typeof parts !== "object" || parts === null) throw new DataError("it has no states");
    const tensors = Object.fromEntries(
      entries.map((entry) => {
        const read = (view: () => TypedArray) => readFrom(source, readingElements(entry, dataStart, view));
        return [entry.name, deferred.make(entry.shape, dtypeOf(entry), read)];
      }),
    );
    const unpack = (json: Json) => unpackState(json, tensors);
    return {
      parts: unpack(parts) as Record<string, unknown>,
      random: unpack(random),
      position: { epoch, step, extra: unpack(extra) },
    };
  } catch (cause) {
    throw new DataError(`${path}: cannot be loaded as a checkpoint: ${(cause as Error).message}`, { cause });
  }
}
