import type { Kind } from "./campaign.ts";
import { far } from "./far.ts";
import { formats } from "./formats.ts";
import { fused } from "./fused.ts";
import { graphs } from "./graphs.ts";
import { onnxModels } from "./onnx_models.ts";
import { operations } from "./operations.ts";
import { schedules } from "./schedules.ts";
import { special } from "./special.ts";

export const kinds: readonly Kind[] = [operations, special, far, graphs, fused, schedules, onnxModels, ...formats];
