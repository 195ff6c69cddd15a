export * from "./browser.ts";
export { CIFAR10, type CIFAR10Options } from "./datasets/cifar10/cifar10.ts";
export { CIFAR100, type CIFAR100Options } from "./datasets/cifar100.ts";
export { ImageFolder, type ImageFolderOptions } from "./datasets/image_folder.ts";
export { FashionMNIST, MNIST } from "./datasets/mnist.ts";
export type { PublishedSetOptions } from "./datasets/options.ts";
export { STL10 } from "./datasets/stl10.ts";
export { readImage } from "./images/read.ts";
