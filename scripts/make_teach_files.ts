/**
 * Writes the files of the demo "teach it": the pretrained encoder, with its convolutions' weights in half
 * precision, and a sheet of test images.
 * usage: npx tsx scripts/make_teach_files.ts RUN (the folder of the run that pretrained the encoder)
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "fast-png";
import { scope, type Tensor } from "wasmgrad";
import { readSafetensors } from "wasmgrad/io";
import { CIFAR10, transforms } from "wasmgrad/vision";
import { SAMPLE_CLASSES, SAMPLE_IMAGES } from "../docs/widgets/teach/sample.ts";

const FOLDER = "docs/widgets/teach";
const SIDE = 32;

/** Bits of the nearest number of half precision; of two that are equally near, the even one. */
function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (!(size < 65520)) throw new RangeError(`${value} is too large for half precision`);
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1)));
  const steps = size * 2 ** (10 - exponent);
  const low = Math.floor(steps);
  const rest = steps - low;
  const rounded = low + (rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? 1 : 0);
  // a fraction that was rounded up to 2048 carries into the exponent
  return sign + (exponent + 14) * 1024 + rounded;
}

/** A safetensors file whose tensors of two or more dimensions are F16; the others keep their dtype. */
function writeHalf(tensors: Readonly<Record<string, Tensor>>, metadata: Record<string, string>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let length = 0;
  const names = Object.keys(tensors).sort((a, b) => tensors[a].dim() - tensors[b].dim() || (a < b ? -1 : 1));
  for (const name of names) {
    const value = tensors[name];
    const half = value.dtype === "float32" && value.dim() > 1;
    const data = half ? Uint16Array.from(value.data(), halfBits) : value.data().slice();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const dtype = half ? "F16" : value.dtype === "int32" ? "I32" : "F32";
    header[name] = { dtype, shape: value.shape, data_offsets: [length, length + bytes.length] };
    parts.push(bytes);
    length += bytes.length;
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([size, padded, ...parts]);
}

function writeEncoder(folder: string): void {
  const { config } = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  const path = join(FOLDER, "encoder.safetensors");
  scope(() => {
    const { tensors } = readSafetensors(readFileSync(join(folder, "encoder.safetensors")));
    const { channels, depths } = config;
    const file = writeHalf(tensors, { channels, depths });
    const read = readSafetensors(file).tensors;
    const error = Math.max(
      ...Object.keys(tensors).map((name) => tensors[name].float().sub(read[name].float()).abs().max().item()),
    );
    writeFileSync(path, file);
    console.log(`${path}: ${file.length} bytes, largest rounding error ${error.toExponential(2)}`);
  });
}

/** The first images of each class among the test images. */
async function writePictures(): Promise<void> {
  const set = await CIFAR10.load({ root: "./data", train: false, download: true, transform: transforms.toTensor() });
  const [width, height] = [SAMPLE_IMAGES * SIDE, SAMPLE_CLASSES.length * SIDE];
  const data = new Uint8Array(width * height * 3);
  SAMPLE_CLASSES.forEach((name, row) => {
    const label = set.classes.indexOf(name);
    const indices = [...set.targets.keys()].filter((i) => set.targets[i] === label).slice(0, SAMPLE_IMAGES);
    const values = scope(() => set.batch(indices)[0].permute([2, 0, 3, 1]).contiguous().data().slice());
    data.set(
      Uint8Array.from(values, (value) => Math.round(255 * value)),
      row * SIDE * width * 3,
    );
  });
  const png = encode({ width, height, data, channels: 3, depth: 8 }, { zlib: { level: 9 } });
  const path = join(FOLDER, "pictures.png");
  writeFileSync(path, png);
  console.log(`${path}: ${png.length} bytes`);
}

writeEncoder(process.argv[2]);
await writePictures();
