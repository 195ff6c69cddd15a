import { fileURLToPath } from "node:url";

/**
 * Where the repository keeps its sample of CIFAR-10. The path holds from src/vision
 * and from dist/vision alike.
 */
export const SAMPLE = fileURLToPath(new URL("../../examples/data/cifar10-sample", import.meta.url));
