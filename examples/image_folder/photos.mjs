/**
 * The data set of train.mjs: the images in the folder that the environment variable PHOTOS names, cropped and
 * flipped at random. The loader's workers import this module, too.
 */
import { randint } from "wasmgrad";
import { ImageFolder, transforms } from "wasmgrad/vision";

const flip = (image) => (randint(0, 2, []).item() === 1 ? image.flip(2) : image);
const transform = transforms.compose([
  transforms.randomResizedCrop(64),
  flip,
  transforms.normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
]);

export default () => ImageFolder.load(process.env.PHOTOS ?? "photos", { transform });
