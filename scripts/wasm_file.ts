/** The parts of a WebAssembly file that inline_wasm.ts needs. */
import { KIND, SECTION, sectionOf, WasmReader } from "../src/runtime/wasm_binary.ts";

/** The position of the flags of the imported memory: 3 is "has a maximum, shared", 1 is "has a maximum". */
export function memoryFlagsAt(bytes: Uint8Array): number {
  const section = sectionOf(bytes, SECTION.import);
  const reader = new WasmReader(bytes, section?.begin ?? bytes.length);
  for (let count = reader.number(); count > 0; count--) {
    reader.block(); // the name of the module
    reader.block(); // the name of the field
    const kind = reader.byte();
    if (kind === KIND.memory && bytes[reader.at] === 3) return reader.at;
    if (kind !== KIND.function) break;
    reader.number();
  }
  throw new Error("no shared memory among the imports");
}

/**
 * The file with a custom section appended. The section's name and contents are ASCII, with less than 100
 * characters together.
 */
export function withSection(bytes: Uint8Array, name: string, contents: string): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(name + contents, "latin1");
  return Uint8Array.from([...bytes, SECTION.custom, text.length + 1, name.length, ...text]);
}
