import { fileURLToPath } from "node:url";

/**
 * The folder with the repository's sample of CIFAR-10. The relative path is the same from src/vision and
 * dist/vision.
 */
export const SAMPLE = fileURLToPath(new URL("../../examples/data/cifar10-sample", import.meta.url));
