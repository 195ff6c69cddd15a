import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { encode } from "fast-png";
import { Header } from "tar";
import { memory, nn, optim, scope, tensor, WasmgradError } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { loadCheckpoint, readSafetensors, saveCheckpoint, writeSafetensors } from "wasmgrad/io";
import { WordTokenizer } from "wasmgrad/ssl";
import { curves, Run, resumeTrainer, saveTrainer, Trainer } from "wasmgrad/train";
import { readCifar10 } from "../../src/vision/cifar10_files.ts";
import { decodeSheet } from "../../src/vision/cifar10_format.ts";
import { CaseError, type Kind } from "./campaign.ts";
import type { Random } from "./random.ts";

/** A file may take this long to be refused. */
const SLOW_MS = 2000;

let folder = "";

const TOKENS = [
  "0",
  "-1",
  "1e999",
  "null",
  "true",
  '""',
  "[]",
  "{}",
  "9007199254740993",
  "4294967296",
  '"NaN"',
  "[[[]]]",
  "-0",
  "0.5",
];
const NUMBERS = [0, 1, 127, 128, 255];

/** Changes bytes: single ones, pieces left out, doubled or moved, the end cut off, words of JSON replaced. */
function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  let changed: Buffer = Buffer.from(bytes);
  for (let n = random.pick([1, 1, 1, 2, 5]); n > 0; n--) {
    const at = random.chance(0.4)
      ? random.integer(0, Math.min(changed.length, 200))
      : random.integer(0, changed.length);
    const length = random.pick([1, 1, 2, 4, 8, 40]);
    const [before, piece, after] = [
      changed.subarray(0, at),
      changed.subarray(at, at + length),
      changed.subarray(at + length),
    ];
    switch (random.pick(["flip", "set", "set", "cut", "drop", "double", "insert", "json", "json"])) {
      case "flip":
        if (at < changed.length) changed[at] ^= 1 << random.integer(0, 7);
        break;
      case "set":
        if (at < changed.length) changed[at] = random.chance(0.5) ? random.pick(NUMBERS) : random.integer(0, 255);
        break;
      case "cut":
        changed = Buffer.from(before);
        break;
      case "drop":
        changed = Buffer.concat([before, after]);
        break;
      case "double":
        changed = Buffer.concat([before, piece, piece, after]);
        break;
      case "insert":
        changed = Buffer.concat([before, Buffer.from(random.normals(length).buffer, 0, length), piece, after]);
        break;
      default:
        changed = replaceJson(random, changed);
    }
  }
  return new Uint8Array(changed);
}

/** Changes the header of a safetensors file, whose length is put right, so that the reader goes on to what the header says. */
function mutateHeader(random: Random, bytes: Uint8Array): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  let header = Buffer.from(bytes.subarray(8, 8 + length));
  for (let n = random.integer(1, 3); n > 0; n--) header = Buffer.from(replaceJson(random, header));
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(header.length);
  return new Uint8Array(Buffer.concat([prefix, header, bytes.subarray(8 + length)]));
}

/** Puts another value in place of a number, string or list; the same length where a header counts bytes. */
function replaceJson(random: Random, bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  const found = [...text.matchAll(/-?\d+(?:\.\d+)?|"[^"\\]{0,40}"|\[[^[\]]{0,40}\]|null|true|false/g)];
  if (found.length === 0) return bytes;
  const { 0: old, index } = random.pick(found);
  const token = random.pick(TOKENS);
  const put = random.chance(0.7) && token.length <= old.length ? token.padEnd(old.length) : token;
  return Buffer.from(text.slice(0, index) + put + text.slice(index + old.length), "latin1");
}

interface Format {
  bytes: () => Uint8Array;
  /** Loads the file, and throws a CaseError where what was loaded is not valid. */
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

/** Loads into `target`; when that fails, nothing may have changed. */
function allOrNothing(bits: () => string, load: () => void): void {
  const before = bits();
  try {
    load();
  } catch (error) {
    if (bits() !== before) throw new CaseError(`half loaded: ${error}`);
    throw error;
  }
}

const FORMATS: Record<string, Format> = {
  safetensors: {
    bytes: () => originals.get("safetensors")!,
    load(bytes) {
      const { tensors } = readSafetensors(bytes);
      for (const [name, value] of Object.entries(tensors)) {
        if (value.data().length !== value.numel()) throw new CaseError(`${name}: ${value.shape}`);
      }
    },
  },
  checkpoint: {
    bytes: () => originals.get("checkpoint")!,
    load(bytes) {
      const path = join(folder, "mutated.safetensors");
      writeFileSync(path, bytes);
      const { model, optimizer, scheduler, bits, step } = target;
      allOrNothing(bits, () => loadCheckpoint(path, { model, optimizer, scheduler }));
      step();
    },
  },
  trainer: {
    bytes: () => originals.get("trainer")!,
    load(bytes) {
      const path = join(folder, "mutated.safetensors");
      writeFileSync(path, bytes);
      const shown = () => {
        const { seconds: _, ...state } = trainer.stateDict();
        return JSON.stringify(state);
      };
      allOrNothing(shown, () => void resumeTrainer(path, trainer));
    },
  },
  png: {
    bytes: () => originals.get("png")!,
    load(bytes) {
      const pixels = decodeSheet("sheet", bytes);
      if (pixels.length % 3072 !== 0) throw new CaseError(`${pixels.length} bytes of pixels`);
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
      const set = await readCifar10(root, false, { imagesPerBatch: 2, archive: "a.tar", md5 });
      if (set && Array.from(set.labels).some((label) => label > 9)) throw new CaseError(`labels ${set.labels}`);
      set?.images.release();
    },
  },
  json: {
    bytes: () => originals.get("json")!,
    load(bytes, random) {
      let value: Record<string, never>;
      try {
        value = JSON.parse(Buffer.from(bytes).toString());
      } catch {
        return;
      }
      const { optimizer, scheduler, model, bits } = target;
      switch (random.pick(["scheduler", "optimizer", "model", "loader", "words", "run", "log"])) {
        case "scheduler":
          return allOrNothing(bits, () => scheduler.loadStateDict(value?.scheduler));
        case "optimizer":
          return allOrNothing(bits, () => optimizer.loadStateDict(value?.optimizer));
        case "model":
          return allOrNothing(bits, () => void model.loadStateDict(value?.model));
        case "loader":
          return new DataLoader(new TensorDataset(tensor([[1], [2]])), { shuffle: true }).loadStateDict(value?.loader);
        case "words":
          return void new WordTokenizer(value?.words).encode("the cat");
        case "log":
          return void (Array.isArray(value?.log) && curves(value.log));
        default: {
          writeFileSync(join(folder, "config.json"), bytes);
          void new Run(folder, "e", { a: 1 });
        }
      }
    },
  },
};

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
  return structured && original[8] === 0x7b ? mutateHeader(random, original) : mutate(random, original);
}

async function runFormat(random: Random, name: string): Promise<string> {
  const format = FORMATS[name];
  const original = format.bytes();
  const bytes = mutated(random, name, original);
  const start = performance.now();
  const { liveTensors } = memory();
  let outcome = "loaded";
  try {
    // what is asynchronous belongs to no scope
    if (name === "tar") await format.load(bytes, random);
    else scope(() => void format.load(bytes, random));
  } catch (error) {
    if (error instanceof CaseError) throw new CaseError(`${name}: ${error.message}`);
    if (!(error instanceof WasmgradError)) throw new CaseError(`${name}: a raw ${(error as Error)?.stack ?? error}`);
    outcome = "refused";
  }
  const took = performance.now() - start;
  if (took > SLOW_MS) throw new CaseError(`${name}: took ${took} ms`);
  // an optimizer may get more state, nothing else stays
  if (memory().liveTensors > liveTensors + 20)
    throw new CaseError(`${name}: ${memory().liveTensors - liveTensors} tensors stay`);
  return `${name} ${outcome}`;
}

/** One kind a format, so that each can be run as long as one likes. */
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
