export { savePNG } from "../plot/png_file.ts";
export * from "./browser.ts";
export { CIFAR10, type CIFAR10Options } from "./datasets/cifar10/cifar10.ts";
