import "../tensor/all_methods.ts";

export type { ByteLayout } from "../ops/image/byte_images.ts";
export * from "../plot/index.ts";
export type { Augmentation, AugmentPlace } from "./augment.ts";
export * as augment from "./augment.ts";
export { checkImages, type ImageReport } from "./check_images.ts";
export { CIFAR10, type CIFAR10Options } from "./datasets/cifar10/cifar10.ts";
export { CIFAR100, type CIFAR100Options } from "./datasets/cifar100.ts";
export { type ChannelStatistics, ImageDataset } from "./datasets/image_dataset.ts";
export type { BrowserFolder, ImageFiles } from "./datasets/image_files.ts";
export { ImageFolder, type ImageFolderOptions } from "./datasets/image_folder.ts";
export { FashionMNIST, MNIST } from "./datasets/mnist.ts";
export type { PublishedSetOptions } from "./datasets/options.ts";
export type { SetRoot } from "./datasets/set_root.ts";
export { STL10 } from "./datasets/stl10.ts";
export type { Interpolation, PaddingMode, ResizeOptions } from "./geometry.ts";
export type { ImageSize } from "./image_shape.ts";
export { type DecodeOptions, decodeImage } from "./images/decode.ts";
export type { DecodedImage, ImageMode } from "./images/decoded_image.ts";
export { readImage } from "./images/read.ts";
export * as masks from "./masks.ts";
export { mse, psnr } from "./metrics.ts";
export {
  type EncodedPixelSource,
  type FromPixelsOptions,
  fromPixels,
  fromPixelsAsync,
  type PixelSource,
} from "./pixels/from_pixels.ts";
export type { PixelCanvas, PixelData, PixelPicture } from "./pixels/sources.ts";
export { toPixels } from "./pixels/to_pixels.ts";
export type { Transform } from "./transforms.ts";
export * as transforms from "./transforms.ts";
