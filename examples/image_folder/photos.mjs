/**
 * The data set of train.mjs: the images in the folder that the environment variable PHOTOS names, cropped and
 * flipped at random. The loader's workers import this module, too.
 */
import { nn, randint } from "wasmgrad";
import { ImageFolder } from "wasmgrad/vision";

const SIZE = 64;

/** A random square of twice SIZE, at half its size, mirrored in half of all cases: float32 [3,SIZE,SIZE]. */
function transform(image) {
  const [, height, width] = image.shape;
  const top = randint(0, height - 2 * SIZE + 1, []).item();
  const left = randint(0, width - 2 * SIZE + 1, []).item();
  const crop = nn.functional.avgPool2d(image.narrow(1, top, 2 * SIZE).narrow(2, left, 2 * SIZE), 2);
  return randint(0, 2, []).item() === 1 ? crop.flip(2) : crop;
}

export default () => ImageFolder.load(process.env.PHOTOS ?? "photos", { transform });
