import { readdirSync } from "node:fs";
import type { Operator, OperatorTable } from "../../../src/onnx/operator.ts";

const FOLDER = new URL("../../../src/onnx/operators/", import.meta.url);

const isOperator = (value: unknown): value is Operator =>
  typeof value === "object" && value !== null && typeof (value as Operator).run === "function";

/** All operators: the tables that the files of src/onnx/operators/ export. */
export async function allOperators(): Promise<OperatorTable> {
  const all: Record<string, Operator> = {};
  for (const file of readdirSync(FOLDER).sort()) {
    if (file === "index.ts") continue;
    const tables: Record<string, unknown> = await import(new URL(file, FOLDER).href);
    for (const table of Object.values(tables)) {
      if (typeof table !== "object" || table === null) continue;
      for (const [name, operator] of Object.entries(table)) {
        if (!isOperator(operator)) continue;
        if (name in all) throw new Error(`${file}: ${name} is in another table as well`);
        all[name] = operator;
      }
    }
  }
  return all;
}
