import "../tensor/all_methods.ts";

export type { Bytes } from "../typed_arrays.ts";
export {
  type CheckpointOptions,
  type CheckpointParts,
  type CheckpointPosition,
  loadCheckpoint,
  type Stateful,
  saveCheckpoint,
} from "./checkpoint.ts";
export type { StoredDType } from "./elements.ts";
export {
  type Abort,
  type AnyURL,
  type FetchOptions,
  type FetchProgress,
  fetchFile,
  removeFetched,
} from "./fetch_file.ts";
export type { FileHandleLike, FolderHandleLike, WritableLike } from "./handles.ts";
export { listStored, readStored, removeStored, type StoredFile, type StoredPath, writeStored } from "./origin_files.ts";
export { type AnyFile, type PickFilesOptions, pickFiles, saveFile } from "./pickers.ts";
export type { BlobLike } from "./pieces.ts";
export type { Address, LoadPlace, SavePlace } from "./places.ts";
export { optimizerFromPyTorch, optimizerToPyTorch } from "./pytorch_optimizer.ts";
export { type AnyBlob, readSafetensors, writeSafetensors, writeSafetensorsBlob } from "./safetensors.ts";
export { loadSafetensors, saveSafetensors } from "./safetensors_file.ts";
export type { Metadata } from "./safetensors_header.ts";
export type { ReadSafetensorsOptions, SafetensorsFile } from "./safetensors_read.ts";
export type { WriteSafetensorsOptions } from "./safetensors_write.ts";
