import type { OwnBytes } from "../../typed_arrays.ts";
import { encoded, joined, KIND, SECTION, sectionOf, WasmReader } from "../wasm_binary.ts";

/** The number of functions that a module imports. It may import functions and memories. */
function importedFunctions(bytes: Uint8Array): number {
  const imports = sectionOf(bytes, SECTION.import);
  if (!imports) return 0;
  const reader = new WasmReader(bytes, imports.begin);
  let functions = 0;
  for (let count = reader.number(); count > 0; count--) {
    reader.block(); // the name of the module
    reader.block(); // the name of the field
    const isFunction = reader.byte() === KIND.function;
    const flags = reader.number(); // of a memory; of a function, its type
    if (isFunction) functions++;
    else for (let limits = 1 + (flags & 1); limits > 0; limits--) reader.number();
  }
  return functions;
}

/**
 * The module with all its functions exported. Those that are not yet are called `#` and their number. V8 can
 * be asked for a function only by its export.
 */
export function exportFunctions(bytes: Uint8Array): OwnBytes {
  const declared = sectionOf(bytes, SECTION.function);
  const old = sectionOf(bytes, SECTION.export);
  if (!declared || !old) return bytes.slice();
  const functions = new WasmReader(bytes, declared.begin).number();
  const reader = new WasmReader(bytes, old.begin);
  const count = reader.number();
  const first = reader.at;
  const exported = new Set<number>();
  while (reader.at < old.end) {
    reader.block(); // the name
    const isFunction = reader.byte() === KIND.function;
    const index = reader.number();
    if (isFunction) exported.add(index);
  }
  const added: number[] = [];
  let total = count;
  const own = importedFunctions(bytes);
  for (let index = own; index < own + functions; index++) {
    if (exported.has(index)) continue;
    const name = [...`#${index}`].map((letter) => letter.charCodeAt(0));
    total++;
    added.push(name.length, ...name, 0, ...encoded(index));
  }
  const head = encoded(total);
  const length = encoded(head.length + old.end - first + added.length);
  return joined([
    bytes.subarray(0, old.start),
    [SECTION.export, ...length, ...head],
    bytes.subarray(first, old.end),
    added,
    bytes.subarray(old.end),
  ]);
}
