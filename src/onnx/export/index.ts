export { type ExportedFunction, type ExportOptions, type ExternalModel, exportOnnx } from "./export_onnx.ts";
