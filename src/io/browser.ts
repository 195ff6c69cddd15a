export type { Bytes } from "../typed_arrays.ts";
export type { BlobLike } from "./pieces.ts";
export { type AnyBlob, readSafetensors, writeSafetensors, writeSafetensorsBlob } from "./safetensors.ts";
export type { Metadata } from "./safetensors_header.ts";
export type { ReadSafetensorsOptions, SafetensorsFile } from "./safetensors_read.ts";
