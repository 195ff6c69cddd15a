/** The functions of a module, from its text format (`asc --textFile`), in the order of their indices. */

export interface WasmFunction {
  /** With its path, as asc names it: "assembly/matmul/gemm/gemm". */
  name: string;
  /** The names that it is exported under: several where two functions have the same code. */
  exports: string[];
  /** Names of the functions that it calls. */
  calls: Set<string>;
  /** 128-bit instructions in its code, constants not counted. */
  vectors: number;
}

const VECTOR = /^ +(v128|[if]\d+x\d+)\.(?!const\b)/;

export function readFunctions(text: string): WasmFunction[] {
  const functions: WasmFunction[] = [];
  const exported = new Map<string, string[]>();
  const named = (name: string): void => {
    functions.push({ name, exports: [], calls: new Set(), vectors: 0 });
  };
  for (const line of text.split("\n")) {
    const [, imported] = /^ \(import .*\(func \$(\S+?)[ )]/.exec(line) ?? [];
    const [, defined] = /^ \(func \$(\S+)/.exec(line) ?? [];
    const [, exportName, target] = /^ \(export "(\w+)" \(func \$(\S+)\)\)$/.exec(line) ?? [];
    if (imported || defined) named(imported ?? defined);
    if (exportName) exported.set(target, [...(exported.get(target) ?? []), exportName]);
    const current = functions.at(-1);
    if (!current) continue;
    const [, called] = /^ +(?:return_)?call \$(\S+)/.exec(line) ?? [];
    if (called) current.calls.add(called);
    if (VECTOR.test(line)) current.vectors++;
  }
  for (const found of functions) found.exports = exported.get(found.name) ?? [];
  return functions;
}
