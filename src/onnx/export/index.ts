export { type ExportedFunction, type ExportOptions, exportOnnx } from "./export_onnx.ts";
export type { ExternalModel } from "./model_file.ts";
