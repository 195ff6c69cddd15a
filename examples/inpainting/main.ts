/** The main job: an autoencoder learns to repaint the hidden half of CIFAR-10 images. usage: npm start -- --help */
import { CommanderError } from "commander";
import { getNumThreads, manualSeed, optim, scope, setNumThreads, WasmgradError } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { saveSafetensors } from "wasmgrad/io";
import { savePNG } from "wasmgrad/vision";
import { evaluate } from "./evaluate.ts";
import { loadImages, pixelRange } from "./images.ts";
import { Log } from "./log.ts";
import { InpaintingAutoencoder } from "./model.ts";
import { type Options, readOptions } from "./options.ts";
import { epochLine, lossPicture, reconstructionGrid } from "./report.ts";
import { openRun } from "./run_folder.ts";
import { type Learner, loadPosition, START, savePosition, trainEpoch } from "./train.ts";

/** Ctrl-C asks for a stop after the running step; a second one ends the process at once. */
function listenForStop(): { signal: NodeJS.Signals | null } {
  const stop = { signal: null as NodeJS.Signals | null };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal) process.exit(EXIT_CODES[signal]);
      stop.signal = signal;
    });
  }
  return stop;
}

/** What a shell reports for a process that the signal ended. */
const EXIT_CODES: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143 };

async function main(options: Options): Promise<void> {
  if (options.threads !== null) setNumThreads(options.threads);
  const { folder, settings } = openRun(options);
  const { train, test } = await loadImages(settings).catch((error) => {
    if (options.resume === null) folder.discard();
    throw error;
  });

  manualSeed(settings.seed);
  const model = new InpaintingAutoencoder();
  const optimizer = new optim.Adam(model.parameters(), { lr: settings.lr });
  const loader = new DataLoader(train, { batchSize: settings.batchSize, shuffle: true });
  const learner: Learner = { model, optimizer, loader };
  const { position, entries } =
    options.resume === null
      ? { position: { ...START }, entries: [] }
      : loadPosition(folder.file("checkpoint.safetensors"), learner);
  const log = new Log(folder.file("log.jsonl"), settings, entries);
  const stop = listenForStop();
  console.log(
    `${train.length} training images, ${test.length} test images, preset ${settings.preset}, ${getNumThreads()} threads; results go to ${folder.path}`,
  );
  if (position.step > 0) console.log(`going on after step ${position.step} (epoch ${position.epoch + 1})`);

  while (position.epoch < settings.epochs) {
    const finished = await trainEpoch(learner, position, settings, log, () => stop.signal !== null);
    if (!finished) break;
    const started = performance.now();
    const scores = evaluate(model, test, settings.mask, pixelRange(settings.preset));
    position.seconds += (performance.now() - started) / 1000;
    position.epoch++;
    const { epoch, step, lossSum, seconds } = position;
    log.add({ kind: "epoch", epoch, step, loss: lossSum / loader.length, ...scores, seconds });
    Object.assign(position, { lossSum: 0, seconds: 0, entryLossSum: 0 });
    console.log(epochLine(log.epochs[epoch - 1], settings.epochs));

    scope(() => saveSafetensors(folder.file("weights.safetensors"), model.stateDict()));
    savePNG(folder.file("grid.png"), reconstructionGrid(model, test, settings));
    savePNG(folder.file("loss.png"), lossPicture(log, loader.length, settings));
    savePosition(folder.file("checkpoint.safetensors"), learner, position, log.entries);
    if (stop.signal) break;
  }

  if (stop.signal && position.epoch < settings.epochs) {
    savePosition(folder.file("checkpoint.safetensors"), learner, position, log.entries);
    console.log(`stopped after step ${position.step}; go on with: npm start -- --resume ${folder.path}`);
    process.exitCode = EXIT_CODES[stop.signal];
    return;
  }
  console.log(`done: see grid.png, loss.png, log.jsonl and weights.safetensors in ${folder.path}`);
}

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
  // what the user can do something about (also a full disk) is one line; anything else is a bug, with its stack
  const expected = error instanceof WasmgradError || (error instanceof Error && "syscall" in error);
  // commander has said it already
  if (!(error instanceof CommanderError)) {
    console.error(expected ? `error: ${error.message.replace(/\s*\n\s*/g, " ")}` : error);
  }
}
