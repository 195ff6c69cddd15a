import { checkInteger, describe, readOptions } from "../checks.ts";
import { DataError, OptionError } from "../errors.ts";
import type { TypedArray } from "../ops/core/array.ts";
import { getRngState, setRngState } from "../tensor/generator.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { allOrNothing } from "./all_or_nothing.ts";
import { DeferredTensors } from "./deferred_tensors.ts";
import { writeFileAtomically } from "./files.ts";
import { type ByteSource, readFrom } from "./pieces.ts";
import { readNamedFile } from "./safetensors_file.ts";
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

const FORMAT = "wasmgrad checkpoint 1";
const PARTS = ["model", "optimizer", "scheduler", "loader"] as const;

/**
 * Saves everything needed to continue training exactly from this point: the states of the given parts and of
 * the default random generator. The checkpoint is one safetensors file. Weights are named `model.…`;
 * everything other than tensors is JSON in the metadata. The file is written atomically: on failure an
 * existing file remains unchanged. Node only.
 *
 * @throws OptionError for an unknown option or a value in `extra` that cannot be saved; DataError when
 *   the file cannot be written.
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
  scope(() => writeFileAtomically(path, layOutCheckpoint(parts, { epoch, step, extra: extra ?? null }).pieces));
}

/**
 * Loads a checkpoint into the given parts and restores the default random generator. The checkpoint must
 * contain a state for each part. Either everything is loaded or nothing is changed. Returns the epoch, the
 * step and `extra`. The file is read in pieces. Until loading is done, a copy of the parts' current states is
 * kept outside WebAssembly memory. Node only.
 *
 * @throws DataError when the file is missing, damaged or not a checkpoint, or lacks the state of a part;
 *   StateDictError when a state does not fit its part.
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
  const deferred = new DeferredTensors();
  return readNamedFile(path, (source) =>
    // the tensors of `extra` belong to this scope until they are read, then to the enclosing scope
    scope(() => {
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
    }),
  );
}

/** The default random generator as an object with a state. */
const DEFAULT_RANDOM: Stateful = { stateDict: getRngState, loadStateDict: setRngState };

function noParts(): CheckpointParts {
  return { model: undefined, optimizer: undefined, scheduler: undefined, loader: undefined };
}

/** Checks that each given part has `stateDict()` and `loadStateDict()`. */
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

function layOutCheckpoint(parts: CheckpointParts, { epoch, step, extra }: CheckpointPosition): FilePieces {
  const tensors = new Map<string, Tensor>();
  const states = packStates(parts, tensors);
  const json = { epoch, step, extra: packState(extra, "extra", tensors), ...states };
  return layOut(Object.fromEntries(tensors), { metadata: { format: FORMAT, state: JSON.stringify(json) } });
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
