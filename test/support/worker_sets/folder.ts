import { nn, randint, type Tensor } from "wasmgrad";
import { ImageFolder } from "wasmgrad/vision";

/** A random crop of 16 x 16 pixels, halved. */
const transform = (image: Tensor): Tensor => {
  const [top, left] = randint(0, 7, [2]).data();
  return nn.functional.avgPool2d(image.slice(1, top, top + 16).slice(2, left, left + 16), 2);
};

/** The images in the folder that the test names. */
export default () => ImageFolder.load(process.env.WASMGRAD_TEST_FOLDER!, { transform });
