import "../tensor/all_methods.ts";

export { type ExportedFunction, type ExportOptions, exportOnnx } from "./export/export_onnx.ts";
export type { ExternalModel } from "./export/model_file.ts";
export type { ModelSource } from "./file/read_model.ts";
export type { OnnxGraphInfo, OnnxNodeInfo, OnnxValueInfo } from "./import/graph_info.ts";
export { type ImportOnnxOptions, importOnnx } from "./import/import.ts";
export { OnnxModule, type OnnxOutputs } from "./import/onnx_module.ts";
export type { Trainable } from "./import/trainable.ts";
export { type GraphPictureOptions, graphPicture } from "./picture/graph_picture.ts";
