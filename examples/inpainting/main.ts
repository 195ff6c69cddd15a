/**
 * The main job: an autoencoder learns to paint the hidden half of CIFAR-10 images. usage: npm start -- --help
 */
import { CommanderError } from "commander";
import { getNumThreads, scope, setNumThreads, WasmgradError } from "wasmgrad";
import { initProcessGroup } from "wasmgrad/distributed";
import { saveSafetensors } from "wasmgrad/io";
import { Interrupted, Trainer } from "wasmgrad/train";
import { evaluate } from "./evaluate.ts";
import { loadImages, pixelRange } from "./images.ts";
import { type Options, readOptions } from "./options.ts";
import { describeEpoch, lossPicture, reconstructionGrid, writeSpeed } from "./report.ts";
import { CHECKPOINT, openRun } from "./run.ts";
import { keepValues, trainingParts } from "./training.ts";

const LOG_ENTRIES_PER_EPOCH = 50;

async function main(options: Options): Promise<void> {
  if (options.threads !== null) setNumThreads(options.threads);
  const group = initProcessGroup(); // without a launcher: this process alone
  const isFirst = group.rank === 0;
  const { run, settings } = openRun(options, group);
  const { train, test } = await loadImages(settings).catch((error) => {
    if (options.resume === null) run.discard();
    throw error;
  });

  const parts = trainingParts(train, settings);
  const { model, loader } = parts;
  const trainer = new Trainer({
    ...parts,
    validate: () => evaluate(model, test, keepValues(settings.mask), pixelRange(settings.preset)),
    epochs: settings.epochs,
    ...(settings.shards > 0 ? { group, shards: settings.shards } : {}),
    logEvery: Math.max(1, Math.round(loader.length / LOG_ENTRIES_PER_EPOCH)),
    callbacks: [
      {
        onBegin({ place }) {
          if (!isFirst) return;
          console.log(
            `${train.length} training images, ${test.length} test images, preset ${settings.preset}, ${getNumThreads()} threads; results go to ${run.folder}`,
          );
          if (place.step > 0) console.log(`continuing after step ${place.step} (epoch ${place.epoch + 1})`);
        },
        onEntry: writeSpeed,
        onEpoch: () => isFirst && scope(() => saveSafetensors(run.file("weights.safetensors"), model.stateDict())),
      },
    ],
  });
  try {
    await run.train(CHECKPOINT, trainer, {
      log: "log.jsonl",
      describe: describeEpoch,
      pictures: () => ({ grid: reconstructionGrid(model, test, settings), loss: lossPicture(trainer, settings) }),
      progress: "images",
    });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    if (isFirst)
      console.log(`stopped after step ${trainer.place.step}; continue with: npm start -- --resume ${run.folder}`);
    process.exitCode = error.exitCode;
    return;
  }
  if (isFirst) console.log(`done: see grid.png, loss.png, log.jsonl and weights.safetensors in ${run.folder}`);
}

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
  // an error that the user can fix (also a full disk) is one line; anything else is a bug and is shown with
  // its stack
  const expected = error instanceof WasmgradError || (error instanceof Error && "syscall" in error);
  // commander has printed its own errors
  if (!(error instanceof CommanderError)) {
    console.error(expected ? `error: ${error.message.replace(/\s*\n\s*/g, " ")}` : error);
  }
}
