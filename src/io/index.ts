export * from "./browser.ts";
export { loadSafetensors, saveSafetensors } from "./safetensors_file.ts";
