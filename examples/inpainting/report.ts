import { type EpochEntry, formatSeconds, type LogEntry, logSeries, type Trainer } from "wasmgrad/train";
import { imageGrid, lossCurve, type Picture } from "wasmgrad/vision";
import { forEachTestBatch } from "./evaluate.ts";
import { firstImages, type Images, toUnitRange } from "./images.ts";
import type { InpaintingAutoencoder } from "./model.ts";
import type { Settings } from "./options.ts";
import { keepValues } from "./training.ts";

const GRID_IMAGES = 12;

/** The line that is printed after an epoch. */
export function describeEpoch(entry: EpochEntry, trainer: Trainer): string {
  const fixed = (name: string, digits = 5) => Number(entry[name]).toFixed(digits);
  const seconds = entry.seconds - (trainer.epochs.at(-2)?.seconds ?? 0);
  return `Epoch ${entry.epoch}/${trainer.options.epochs}, Loss: ${fixed("loss")}, test MSE ${fixed("mse")} (hidden elements ${fixed("maskedMse")}, PSNR ${fixed("maskedPsnr", 2)} dB), ${formatSeconds(seconds)}`;
}

/** Adds the speed since the previous entry to an entry of steps. */
export function writeSpeed({ log, options }: Trainer, entry: LogEntry): void {
  const previous = log.at(-2) ?? { step: 0, seconds: 0 };
  const images = (entry.step - previous.step) * options.loader.batchSize;
  if (entry.kind === "step") entry.imagesPerSecond = Math.round(images / (entry.seconds - previous.seconds));
}

/** The first test images: original | masked | reconstructed. */
export function reconstructionGrid(model: InpaintingAutoencoder, test: Images, { mask, preset }: Settings): Picture {
  let grid: Picture | undefined;
  forEachTestBatch(model, firstImages(test, GRID_IMAGES), keepValues(mask), ({ images, masked, outputs }) => {
    const columns = Object.entries({ original: images, masked, reconstructed: outputs }).map(([label, x]) => ({
      label,
      images: toUnitRange(x, preset),
    }));
    grid = imageGrid(columns, { perRow: 2 });
  });
  if (!grid) throw new Error("reconstructionGrid: there is no test image");
  return grid;
}

export function lossPicture({ log, options }: Trainer, { preset }: Settings): Picture {
  const stepsPerEpoch = options.loader.length;
  return lossCurve(
    [
      logSeries(log, "loss", { kind: "step", label: "train", stepsPerEpoch }),
      logSeries(log, "mse", { label: "test, all elements", stepsPerEpoch }),
      logSeries(log, "maskedMse", { label: "test, hidden elements", stepsPerEpoch }),
    ],
    { title: `Inpainting, preset ${preset}`, xLabel: "epoch", yLabel: "mean squared error" },
  );
}
