export * from "./browser.ts";
export {
  type CheckpointOptions,
  type CheckpointParts,
  type CheckpointPosition,
  loadCheckpoint,
  type Stateful,
  saveCheckpoint,
} from "./checkpoint.ts";
export { loadSafetensors, saveSafetensors } from "./safetensors_file.ts";
