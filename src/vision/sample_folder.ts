import { builtin } from "../runtime/node_module.ts";

/** A constant, because bundlers would look for the file of a text that stands in `new URL(…)`. */
const PATH = "../../examples/data/cifar10-sample";

/**
 * The folder with the repository's sample of CIFAR-10. The relative path is the same from src/vision and
 * dist/vision.
 */
export function sampleFolder(): string {
  return builtin("node:url").fileURLToPath(new URL(PATH, import.meta.url));
}
