import { imageGrid, lossCurve, type Picture } from "wasmgrad/vision";
import { forEachTestBatch } from "./evaluate.ts";
import { firstImages, type Images, toUnitRange } from "./images.ts";
import type { EpochEntry, Log } from "./log.ts";
import type { InpaintingAutoencoder } from "./model.ts";
import type { Settings } from "./options.ts";
import { formatSeconds } from "./progress.ts";

const GRID_IMAGES = 12;

export function epochLine(entry: EpochEntry, epochs: number): string {
  const { epoch, loss, mse, maskedMse, maskedPsnr, seconds } = entry;
  return `Epoch ${epoch}/${epochs}, Loss: ${loss.toFixed(5)}, test MSE ${mse.toFixed(5)} (hidden elements ${maskedMse.toFixed(5)}, PSNR ${maskedPsnr.toFixed(2)} dB), ${formatSeconds(seconds)}`;
}

/** The first test images: original | masked | reconstructed. */
export function reconstructionGrid(model: InpaintingAutoencoder, test: Images, { mask, preset }: Settings): Picture {
  let grid: Picture | undefined;
  forEachTestBatch(model, firstImages(test, GRID_IMAGES), mask, ({ images, masked, outputs }) => {
    const columns = Object.entries({ original: images, masked, reconstructed: outputs }).map(([label, x]) => ({
      label,
      images: toUnitRange(x, preset),
    }));
    grid = imageGrid(columns, { perRow: 2 });
  });
  if (!grid) throw new Error("reconstructionGrid: there is no test image");
  return grid;
}

export function lossPicture(log: Log, stepsPerEpoch: number, { preset }: Settings): Picture {
  const epochs = log.epochs;
  return lossCurve(
    [
      { label: "train", points: log.steps.map(({ step, loss }) => [step / stepsPerEpoch, loss]) },
      { label: "test, all elements", points: epochs.map(({ epoch, mse }) => [epoch, mse]) },
      { label: "test, hidden elements", points: epochs.map(({ epoch, maskedMse }) => [epoch, maskedMse]) },
    ],
    { title: `Inpainting, preset ${preset}`, xLabel: "epoch", yLabel: "mean squared error" },
  );
}
