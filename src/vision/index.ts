export * from "./browser.ts";
export { CIFAR10, type CIFAR10Options } from "./cifar10.ts";
export { savePNG } from "./png_file.ts";
