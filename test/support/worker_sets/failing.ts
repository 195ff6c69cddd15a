import { DataError, tensor } from "wasmgrad";

/** Samples that fail in various ways. */
export default {
  length: 40,
  async get(index: number) {
    await null;
    if (index === 9) throw new DataError("photos/9.jpg: not a complete JPEG file");
    if (index === 19) (undefined as unknown as { field: unknown }).field;
    if (index === 29) process.exit(7);
    if (index === 33) return [new Map([[1, tensor([2])]]), 1];
    return [tensor([index]), index];
  },
};
