/**
 * Does a published file help? Trains a new last layer, all weights, and the same network from scratch, on some pictures
 * of CIFAR-10, three times each, and writes the table of docs/onnx.md.
 *
 *     npx tsx examples/onnx/fine_tuning_experiment.ts MODEL.onnx CIFAR-10-FOLDER [--write]
 *
 * The file of the documentation is ch_ppocr_mobile_v2.0_cls_infer.onnx (585 KB) of the Python package
 * rapidocr-onnxruntime 1.4.4: a MobileNetV3 of PaddleOCR, trained to see whether a line of text is upside down.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { arange, manualSeed, memory, nn, noGrad, optim, randperm, type Tensor } from "wasmgrad";
import { CIFAR10 } from "wasmgrad/vision";
import { accuracy, type Batches, findFeatures, type Mode, makeClassifier, trainEpoch } from "./fine_tune.ts";

const DOCUMENT = new URL("../../docs/onnx.md", import.meta.url);
const SIZE = 48;
const BATCH = 25;
const EPOCHS = 10;
const SEEDS = [0, 1, 2];
const TRAINING = 1000;
const TESTING = 2000;
const MODES: readonly Mode[] = ["scratch", "frozen", "tuned"];

/** A task: what the label of a picture is, and how many there are. */
interface Task {
  name: string;
  classes: number;
  /** Pictures and labels from CIFAR-10's. */
  make(images: Tensor, labels: Tensor): readonly [Tensor, Tensor];
}

/** Every second picture is turned. */
function upsideDown(images: Tensor): readonly [Tensor, Tensor] {
  const turned = arange(0, images.shape[0]).remainder(2);
  const upside = turned.reshape([-1, 1, 1, 1]);
  return [images.mul(upside.mul(-1).add(1)).add(images.flip([2, 3]).mul(upside)), turned.int()];
}

const TASKS: readonly Task[] = [
  { name: "is the picture upside down?", classes: 2, make: upsideDown },
  { name: "which of 10 classes?", classes: 10, make: (images, labels) => [images, labels] },
];
