import type { OperatorTable } from "../operator.ts";
import { CONTROL } from "./control.ts";

/** All operators of ONNX's own domain. */
export const OPERATORS: OperatorTable = { ...CONTROL };
