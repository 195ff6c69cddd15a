/** Trains in a worker, so that the page never waits. */
import { expose } from "comlink";
import { clear, createStore, get, set } from "idb-keyval";
import { getNumThreads, getVectorWidth, memory, StateDictError } from "wasmgrad";
import type { LogEntry } from "wasmgrad/train";
import type { Images } from "../../../examples/inpainting/images.ts";
import { imagesOf, type Planes, readPictures, sheetImages, split } from "./pictures.ts";
import { type Columns, type Hidden, InpaintingProgram, SETTINGS } from "./program.ts";

/** What the page is told while the program trains. */
export interface Report {
  step: number;
  epoch: number;
  /** New entries of the log since the last report, or all of them after `fresh`. */
  entries: LogEntry[];
  /** The log begins again. */
  fresh: boolean;
  /** Null while there are too few steps to measure. */
  imagesPerSecond: number | null;
  memoryBytes: number;
  /** The step whose state the browser has stored; null if it has stored none. */
  storedStep: number | null;
  columns: Columns;
}

/** What the page is told when a program begins: a new one, or the one that was stored. */
export interface Opening {
  hidden: Hidden;
  trainImages: number;
  testImages: number;
  ownPictures: boolean;
  threads: number;
  vectorWidth: number;
  /** The program goes on from the state that the browser had stored. */
  stored: boolean;
}

interface Stored {
  format: 1;
  hidden: Hidden;
  state: unknown;
}

const REPORT_STEPS = 20;
const SAVE_MS = 2000;

const store = createStore("wasmgrad-inpainting", "state");
let sample: { train: Images; test: Images };
let own: Planes | undefined;
let program: InpaintingProgram;
let tell: (report: Report) => void = () => {};
let told = { entries: 0, step: 0, time: 0 };
let savedAt = Number.NEGATIVE_INFINITY;
let storedStep: number | null = null;
let running: Promise<void> | undefined;

async function sheet(address: string): Promise<Images> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status} ${response.statusText}`);
  return sheetImages(new Uint8Array(await response.arrayBuffer()));
}

function begin(hidden: Hidden): void {
  const planes = own && split(own);
  const { train, test } = planes ? { train: imagesOf(planes.train), test: imagesOf(planes.test) } : sample;
  program = new InpaintingProgram(train, test, hidden);
  program.trainer.watch({
    onStep: ({ place: { step } }) => {
      if (step % REPORT_STEPS === 0) report();
    },
    onEntry: (_, { kind }) => {
      if (kind !== "step" || performance.now() - savedAt < SAVE_MS) return;
      save().catch(() => {}); // storage that fails or is full must not end training
    },
  });
  told = { entries: 0, step: program.step, time: 0 };
}

function report(fresh = false): void {
  const { log, place } = program.trainer;
  const seconds = (performance.now() - told.time) / 1000;
  const steps = place.step - told.step;
  tell({
    ...place,
    entries: log.slice(fresh ? 0 : told.entries),
    fresh,
    imagesPerSecond: steps === REPORT_STEPS ? (steps * SETTINGS.batchSize) / seconds : null,
    memoryBytes: memory().reservedBytes,
    storedStep,
    columns: program.show(),
  });
  told = { entries: log.length, step: place.step, time: performance.now() };
}

/** Stores the state. What is stored is copied at once: training may go on. */
async function save(): Promise<void> {
  savedAt = performance.now();
  const { hidden, step } = program;
  await set("run", { format: 1, hidden, state: program.state() } satisfies Stored, store);
  storedStep = step;
}

/** Continues the stored run. False if there is none, or none of this version of the page. */
async function restore(): Promise<boolean> {
  const stored = await get<Stored>("run", store).catch(() => undefined);
  if (stored?.format !== 1) return false;
  own = await get<Planes>("pictures", store);
  begin(stored.hidden);
  try {
    program.load(stored.state);
    storedStep = program.step;
    return true;
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    own = undefined;
    return false;
  }
}

async function pause(): Promise<void> {
  program.trainer.stop();
  await running;
}

async function opened(stored: boolean): Promise<Opening> {
  report(true);
  return {
    hidden: program.hidden,
    trainImages: program.trainer.options.loader.dataset.length,
    testImages: program.testImages,
    ownPictures: own !== undefined,
    threads: getNumThreads(),
    vectorWidth: getVectorWidth(),
    stored,
  };
}

async function beginAgain(hidden: Hidden): Promise<Opening> {
  await pause();
  begin(hidden);
  await forget();
  return opened(false);
}

/** Removes what is stored, except the visitor's pictures, which are stored again. */
async function forget(): Promise<void> {
  savedAt = Number.NEGATIVE_INFINITY;
  await clear(store).catch(() => {});
  storedStep = null;
  if (own) await set("pictures", own, store).catch(() => {});
}

const api = {
  /** Loads the sample, and continues a stored run. `listener` gets a report now and again. */
  async open(train: string, test: string, listener: (report: Report) => void): Promise<Opening> {
    tell = listener;
    const [trainImages, testImages] = await Promise.all([sheet(train), sheet(test)]);
    sample = { train: trainImages, test: testImages };
    const stored = await restore();
    if (!stored) begin("squares");
    return opened(stored);
  },

  /** Trains for so many steps or until `pause()`, and stores the state. */
  async run(steps: number): Promise<void> {
    await pause();
    told = { ...told, step: program.step, time: performance.now() };
    running = program.run(steps);
    try {
      await running;
    } finally {
      running = undefined;
      await save().catch(() => {});
      report();
    }
  },

  pause,

  /** A new network. */
  reset: beginAgain,

  /** Null where the page may not compute it: an address that begins with http: and is not this computer's. */
  async fingerprint(): Promise<string | null> {
    return globalThis.crypto?.subtle ? program.fingerprint() : null;
  },

  /** Trains on the visitor's pictures from now on. */
  async usePictures(files: File[], hidden: Hidden): Promise<Opening> {
    const planes = await readPictures(files);
    await pause();
    own = planes;
    return beginAgain(hidden);
  },

  async useSample(hidden: Hidden): Promise<Opening> {
    await pause();
    own = undefined;
    return beginAgain(hidden);
  },

  reconstruct: (picture: number, given: Uint8Array) => program.reconstruct(picture, given),

  weights: () => program.weights(),

  /** A new run that begins with these weights. If they do not fit, the run that there was stays. */
  async loadWeights(bytes: Uint8Array): Promise<Opening> {
    await pause();
    const before = program;
    begin(before.hidden);
    try {
      program.loadWeights(bytes);
    } catch (error) {
      program = before;
      throw error;
    }
    await save().catch(() => {});
    return opened(false);
  },

  /** Stops and stores, before the worker is ended. */
  async close(): Promise<void> {
    await pause();
    await save().catch(() => {});
  },
};

export type InpaintingWorker = typeof api;

expose(api);
