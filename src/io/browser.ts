export { type Metadata, readSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.ts";
