import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, isDeepStrictEqual } from "node:util";
import { gzipSync } from "node:zlib";
import { encode } from "fast-png";
import { Header } from "tar";
import { getRngState, memory, nn, optim, resetPeakMemory, scope, tensor, WasmgradError } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { loadCheckpoint, type SafetensorsFile, saveCheckpoint, writeSafetensors } from "wasmgrad/io";
import { WordTokenizer } from "wasmgrad/self-supervised";
import { curves, Run, resumeTrainer, saveTrainer, Trainer } from "wasmgrad/train";
import { bytesSource, readFrom } from "../../../src/io/pieces.ts";
import { readingSafetensors } from "../../../src/io/safetensors_read.ts";
import { leaf } from "../../../src/tensor/leaf.ts";
import { readCifar10 } from "../../../src/vision/datasets/cifar10/files.ts";
import { decodeSheet } from "../../../src/vision/datasets/cifar10/sheet.ts";
import { openSetFolder } from "../../../src/vision/datasets/set_folder.ts";
import { CaseError, type Kind } from "./campaign.ts";
import {
  makeSafetensors,
  makeTar,
  mutate,
  mutatePng,
  mutateSafetensors,
  mutateValue,
  replaceJson,
} from "./mutations.ts";
import type { Random } from "./random.ts";
import { Refused } from "./readers/json.ts";
import { readRgb } from "./readers/png.ts";
import { type ReadFile, readSafetensorsFile } from "./readers/safetensors.ts";
import { plain, type State, unpack } from "./readers/state.ts";
import { readTar } from "./readers/tar.ts";

/** The longest time in which a file may be refused. */
const SLOW_MS = 2000;

let folder = "";

interface Format {
  bytes: () => Uint8Array;
  /** Loads the file, and throws a CaseError if the loaded state is not valid. */
  load: (bytes: Uint8Array, random: Random) => void | Promise<void>;
}

function makeModel() {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 2));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const scheduler = new optim.StepLR(optimizer, { stepSize: 2 });
  const step = () => {
    optimizer.zeroGrad();
    model
      .forward(
        tensor([
          [1, 2, 3],
          [3, 1, 2],
        ]),
      )
      .square()
      .mean()
      .backward();
    optimizer.step();
    scheduler.step();
  };
  const bits = () =>
    JSON.stringify([
      Object.values(model.stateDict()).map((t) => Array.from(t.data())),
      Object.entries(optimizer.stateDict().state).map(([k, s]) => [
        k,
        Object.values(s).map((v) => (typeof v === "number" ? v : Array.from(v.data()))),
      ]),
      optimizer.stateDict().paramGroups,
      scheduler.stateDict(),
    ]);
  return { model, optimizer, scheduler, step, bits };
}

let target: ReturnType<typeof makeModel>;
let trainer: Trainer;
const originals = new Map<string, Uint8Array>();

/** The result of an independent reader; null if the file is invalid. */
function independently<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

function expectSame(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const shown = (value: unknown) => inspect(value, { depth: 9, breakLength: Number.POSITIVE_INFINITY }).slice(0, 2000);
  throw new CaseError(`${what}: got ${shown(actual)}, an independent reader has ${shown(expected)}`);
}

/**
 * Loads a file that an independent reader has read, or refused (null). If the library refuses it, nothing may
 * have changed. If the library loads it, `check` compares the result with the reader's.
 *
 * @param strict whether the library must load every file that the reader accepts; false where states must fit
 *   their target
 */
function loadAndCompare<T, L>(
  expected: T | null,
  load: () => L,
  check: (loaded: L, expected: T) => void,
  { bits = () => "", strict = false }: { bits?: () => string; strict?: boolean } = {},
): void {
  const before = bits();
  const random = getRngState();
  let loaded: L;
  try {
    loaded = load();
  } catch (error) {
    if (bits() !== before) throw new CaseError(`half loaded: ${error}`);
    if (!isDeepStrictEqual(getRngState(), random)) throw new CaseError(`random numbers go on elsewhere: ${error}`);
    if (strict && expected !== null) throw new CaseError(`an independent reader has it, but: ${error}`);
    throw error;
  }
  if (expected === null) throw new CaseError("loaded, but an independent reader refused it");
  check(loaded, expected);
}

/** The contents of a checkpoint's file. */
function readCheckpointFile(bytes: Uint8Array) {
  const { tensors, metadata } = readSafetensorsFile(bytes);
  let json: State;
  try {
    json = JSON.parse(metadata.get("state") ?? "");
  } catch {
    throw new Refused("the state's JSON");
  }
  return unpack(json, tensors);
}

/** Returns the state that an optimizer, in its present state, will have after it loads `given`. */
function rememberOptimizer(optimizer: optim.Optimizer): (given: State) => State {
  const before = plain(optimizer.stateDict().paramGroups);
  return ({ paramGroups, state }) => {
    const numbers = paramGroups.flatMap((group: State) => group.params).map(String);
    const groups = paramGroups.map((group: State, g: number) => {
      const { params, initialLr } = before[g];
      return { ...plain(optimizer.defaults), ...(initialLr === undefined ? {} : { initialLr }), ...group, params };
    });
    const states = Object.entries(state).map(([number, values]) => [numbers.indexOf(number), values]);
    return { paramGroups: groups, state: Object.fromEntries(states) };
  };
}

const pick = (state: State, ...keys: string[]) => Object.fromEntries(keys.map((key) => [key, state[key]]));
const pickScheduler = (state: State) => pick(state, "lastEpoch", "baseLrs");
const pickLoader = (state: State) => pick(state, "seed", "epoch", "position");

/** The trainer's state except its times, which advance. */
const trainerState = () => plain(trainer.stateDict());

const FORMATS: Record<string, Format> = {
  safetensors: {
    bytes: () => originals.get("safetensors")!,
    load(bytes, random) {
      const pieces = random.chance(0.5) ? undefined : random.pick([8, 16, 64]);
      resetPeakMemory();
      const { liveBytes } = memory();
      const load = () => readFrom(bytesSource(bytes), readingSafetensors(bytes.length, undefined, pieces));
      const compare = ({ tensors, metadata }: SafetensorsFile, expected: ReadFile) => {
        expectSame("tensors", plain(tensors), Object.fromEntries(expected.tensors));
        expectSame("metadata", metadata, Object.fromEntries(expected.metadata));
      };
      const checkMemory = () => {
        // U8 takes four times its bytes as int32; a small block takes 320 bytes, and its entry in the header
        // at least 50
        const grown = memory().peakBytes - liveBytes;
        if (grown > 8 * bytes.length + 320) throw new CaseError(`${grown} bytes taken for a file of ${bytes.length}`);
      };
      const expected = independently(() => readSafetensorsFile(bytes));
      const loadInBounds = () => {
        try {
          return load();
        } catch (error) {
          checkMemory();
          throw error;
        }
      };
      loadAndCompare(expected, loadInBounds, compare, { strict: true });
      checkMemory();
    },
  },
  checkpoint: {
    bytes: () => originals.get("checkpoint")!,
    load(bytes) {
      const path = join(folder, "mutated.safetensors");
      writeFileSync(path, bytes);
      const { model, optimizer, scheduler, bits, step } = target;
      const expectedOptimizer = rememberOptimizer(optimizer);
      loadAndCompare(
        independently(() => readCheckpointFile(bytes)),
        () => loadCheckpoint(path, { model, optimizer, scheduler }),
        (position, read) => {
          expectSame("model", plain(model.stateDict()), read.parts.model);
          expectSame("optimizer", plain(optimizer.stateDict()), expectedOptimizer(read.parts.optimizer));
          expectSame("scheduler", pickScheduler(scheduler.stateDict()), pickScheduler(read.parts.scheduler));
          expectSame("random", getRngState(), pick(read.random, "seed", "offset"));
          expectSame("position", plain(position), pick(read, "epoch", "step", "extra"));
        },
        { bits },
      );
      step();
    },
  },
  trainer: {
    bytes: () => originals.get("trainer")!,
    load(bytes) {
      const path = join(folder, "mutated.safetensors");
      writeFileSync(path, bytes);
      const expectedOptimizer = rememberOptimizer(trainer.options.optimizer);
      loadAndCompare(
        independently(() => readCheckpointFile(bytes).parts?.model as State),
        () => resumeTrainer(path, trainer),
        (_, { states, loader, ...rest }) => {
          const { states: hasStates, loader: hasLoader, ...has } = trainerState();
          // files of earlier versions have no generator
          expectSame("trainer", has, { generator: null, ...rest });
          expectSame("model", hasStates.model, states.model);
          expectSame("optimizer", hasStates.optimizer, expectedOptimizer(states.optimizer));
          expectSame("loader", hasLoader, pickLoader(loader));
        },
        { bits: () => JSON.stringify(trainerState()) },
      );
    },
  },
  png: {
    bytes: () => originals.get("png")!,
    load(bytes) {
      let unsure = false;
      const expected = independently(() => {
        const read = readRgb(bytes);
        unsure = read.unsure;
        if (read.width !== 1024) throw new Refused("the width");
        return read.pixels;
      });
      loadAndCompare(
        expected,
        () => decodeSheet("sheet", bytes),
        (pixels, expected) => {
          if (!unsure) expectSame("pixels", Buffer.from(pixels), Buffer.from(expected));
        },
      );
    },
  },
  tar: {
    bytes: () => originals.get("tar")!,
    async load(bytes, random) {
      const root = join(folder, "tar");
      mkdirSync(root, { recursive: true });
      const file = random.chance(0.3) ? gzipSync(bytes, { level: 1 }) : bytes;
      writeFileSync(join(root, "a.tar"), file);
      const md5 = createHash("md5").update(file).digest("hex");
      const expected = independently(() => expectedRecords(bytes));
      const { liveBytes } = memory();
      let set: Awaited<ReturnType<typeof readCifar10>>;
      try {
        set = await readCifar10(openSetFolder("fuzz", root), false, { imagesPerBatch: 2, archive: "a.tar", md5 });
      } catch (error) {
        // garbage of earlier cases may be released meanwhile
        if (memory().liveBytes > liveBytes) throw new CaseError(`memory stays: ${error}`);
        if (expected) throw new CaseError(`an independent reader has it, but: ${error}`);
        throw error;
      }
      if (!set) throw new CaseError("nothing found");
      const { images, labels } = set;
      const pixels = scope(() =>
        Array.from(leaf(() => images.gather([0, 1], [0, 0, 0], [1 / 255, 1 / 255, 1 / 255])).data()),
      );
      images.release();
      if (Array.from(labels).some((label) => label < 0 || label > 9)) throw new CaseError(`labels ${labels}`);
      if (!expected) return; // an archive of a kind that the small reader does not know
      expectSame("labels", Array.from(labels), expected.labels);
      expectSame("pixels", pixels.map(Math.round), expected.pixels);
    },
  },
  json: {
    bytes: () => originals.get("json")!,
    load(bytes, random) {
      let value: State;
      try {
        value = JSON.parse(Buffer.from(bytes).toString());
      } catch {
        return;
      }
      const { optimizer, scheduler, model, bits } = target;
      const expectedOptimizer = rememberOptimizer(optimizer);
      const which = random.pick(["scheduler", "optimizer", "model", "loader", "words", "run", "log"]);
      if (random.chance(0.7) && value?.[which]) {
        value[which] = mutateValue(random, value[which]);
      }
      switch (which) {
        case "scheduler":
          return loadAndCompare(
            value?.scheduler ?? null,
            () => scheduler.loadStateDict(value?.scheduler),
            (_, given) => expectSame("scheduler", pickScheduler(scheduler.stateDict()), pickScheduler(given)),
            { bits },
          );
        case "optimizer":
          return loadAndCompare(
            value?.optimizer ?? null,
            () => optimizer.loadStateDict(value?.optimizer),
            (_, given) => expectSame("optimizer", plain(optimizer.stateDict()), expectedOptimizer(given)),
            { bits },
          );
        case "model":
          return loadAndCompare(
            null,
            () => void model.loadStateDict(value?.model),
            () => {},
            { bits },
          );
        case "loader": {
          const loader = new DataLoader(new TensorDataset(tensor([[1], [2]])), { shuffle: true });
          return loadAndCompare(
            value?.loader ?? null,
            () => loader.loadStateDict(value?.loader),
            (_, given) => expectSame("loader", loader.stateDict(), pickLoader(given)),
            { bits: () => JSON.stringify(loader.stateDict()) },
          );
        }
        case "words":
          return loadAndCompare(
            value?.words ?? null,
            () => new WordTokenizer(value?.words),
            (tokenizer, given) => {
              expectSame("words", [...tokenizer.words], given);
              const numbers = Array.from(tokenizer.encode("the cat"));
              if (numbers.some((number) => !(number in given))) throw new CaseError(`words: ${numbers}`);
            },
          );
        case "log":
          return loadAndCompare(
            value?.log ?? null,
            () => curves(value?.log),
            (drawn) => {
              for (const [name, { width, height, data }] of Object.entries(drawn)) {
                if (!(data.length > 0 && data.length % (width * height) === 0)) {
                  throw new CaseError(`curve ${name}: ${width} x ${height}, ${data.length} bytes`);
                }
              }
            },
          );
        default: {
          const written = { experiment: value?.experiment, config: value?.config };
          const path = join(folder, "config.json");
          writeFileSync(path, JSON.stringify(written));
          const same = JSON.stringify(written) === '{"experiment":"e","config":{"a":1}}';
          return loadAndCompare(
            same ? written : null,
            () => new Run(folder, "e", { a: 1 }),
            () => expectSame("config", JSON.parse(readFileSync(path, "utf8")), written),
            { bits: () => readFileSync(path, "utf8").replace(/\s/g, ""), strict: true },
          );
        }
      }
    },
  },
};

/**
 * Labels and pixels of the last batch of an archive. All of its files must have two records. Null for
 * archives that the reader does not support.
 */
function expectedRecords(archive: Uint8Array): { labels: number[]; pixels: number[] } {
  const batches = readTar(archive).filter(({ name }) => /(^|\/)test_batch\.bin$/.test(name));
  const last = batches.at(-1);
  if (!last || batches.some(({ bytes }) => bytes.length !== 2 * 3073)) throw new Refused("the batch");
  for (const { bytes } of batches) if (bytes[0] > 9 || bytes[3073] > 9) throw new Refused("a label");
  const { bytes } = last;
  return { labels: [bytes[0], bytes[3073]], pixels: [...bytes.subarray(1, 3073), ...bytes.subarray(3074)] };
}

function prepareOriginals(): void {
  const model = makeModel();
  model.step();
  model.step();
  originals.set(
    "safetensors",
    writeSafetensors(
      { ...model.model.stateDict(), b: tensor([1, 0]).bool(), s: tensor(3) },
      { metadata: { note: "x" } },
    ),
  );
  const path = join(folder, "original.safetensors");
  saveCheckpoint(path, {
    ...{ model: model.model, optimizer: model.optimizer, scheduler: model.scheduler },
    epoch: 1,
    step: 2,
    extra: { a: [1, -0, "b"], big: 3n },
  });
  originals.set("checkpoint", readFileSync(path));
  saveTrainer(path, trainer);
  originals.set("trainer", readFileSync(path));
  const data = Uint8Array.from({ length: 2 * 3072 }, (_, i) => (i * 7) % 251);
  originals.set("png", encode({ width: 1024, height: 2, channels: 3, depth: 8, data }));
  const records = Buffer.alloc(2 * 3073, 5);
  const header = new Header({
    path: "cifar-10-batches-bin/test_batch.bin",
    size: records.length,
    type: "File",
    mode: 0o644,
    mtime: new Date(0),
  });
  const block = Buffer.alloc(512);
  header.encode(block, 0);
  originals.set("tar", Buffer.concat([block, records, Buffer.alloc(512 - (records.length % 512)), Buffer.alloc(1024)]));
  const loader = new DataLoader(new TensorDataset(tensor([[1], [2]])), { shuffle: true });
  const json = {
    scheduler: model.scheduler.stateDict(),
    optimizer: { state: {}, paramGroups: model.optimizer.stateDict().paramGroups },
    model: {},
    loader: loader.stateDict(),
    words: new WordTokenizer(["[PAD]", "[UNK]", "[MASK]", "the", "cat"]).words,
    log: trainer.log,
    experiment: "e",
    config: { a: 1 },
  };
  originals.set("json", Buffer.from(JSON.stringify(json)));
}

function mutated(random: Random, name: string, original: Uint8Array): Uint8Array {
  const structured = random.chance(0.7);
  if (structured && name === "json") return new Uint8Array(replaceJson(random, Buffer.from(original)));
  if (structured && name === "png") return mutatePng(random, original);
  if (structured && name === "tar") return makeTar(random, 3073);
  if (name === "safetensors" && random.chance(0.5)) {
    const made = makeSafetensors(random);
    return random.chance(0.5) ? made : mutate(random, made);
  }
  return structured && original[8] === 0x7b ? mutateSafetensors(random, original) : mutate(random, original);
}

async function runFormat(random: Random, name: string): Promise<string> {
  const format = FORMATS[name];
  const original = format.bytes();
  const bytes = mutated(random, name, original);
  const start = performance.now();
  const { liveTensors } = memory();
  let outcome = "loaded";
  try {
    // asynchronous loading belongs to no scope
    if (name === "tar") await format.load(bytes, random);
    else scope(() => void format.load(bytes, random));
  } catch (error) {
    if (error instanceof CaseError) throw new CaseError(`${name}: ${error.message}`);
    if (!(error instanceof WasmgradError)) throw new CaseError(`${name}: a raw ${(error as Error)?.stack ?? error}`);
    outcome = "refused";
    if (memory().liveTensors > liveTensors) {
      throw new CaseError(`${name}: ${memory().liveTensors - liveTensors} tensors stay after ${error}`);
    }
  }
  const took = performance.now() - start;
  if (took > SLOW_MS) throw new CaseError(`${name}: took ${took} ms`);
  // an optimizer may get more state; no other tensor may remain
  if (memory().liveTensors > liveTensors + 20)
    throw new CaseError(`${name}: ${memory().liveTensors - liveTensors} tensors stay`);
  return `${name} ${outcome}`;
}

/** One kind per format, so that each can be run for any length of time. */
export const formats: readonly Kind[] = Object.keys(FORMATS).map((name) => ({
  name,
  run: (random) => runFormat(random, name),
  async prepare() {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-fuzz-"));
    target = makeModel();
    target.step();
    const { model, optimizer } = makeModel();
    trainer = new Trainer({
      model,
      optimizer,
      loader: new DataLoader(
        new TensorDataset(
          tensor([
            [1, 2, 3],
            [3, 2, 1],
            [0, 1, 0],
            [1, 1, 1],
          ]),
        ),
        { batchSize: 2, shuffle: true },
      ),
      loss: ([x]) => model.forward(x).square().mean(),
      epochs: 1,
    });
    await trainer.fit();
    prepareOriginals();
    return () => rmSync(folder, { recursive: true, force: true });
  },
}));
