export type { Bytes } from "../ops/typed_arrays.ts";
export { type Metadata, readSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.ts";
