/** The parts of a WebAssembly file that inline_wasm.ts needs. */
import { KIND, SECTION, sectionOf, sectionsOf, WasmReader } from "../src/runtime/wasm_binary.ts";

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

/** Positions at which a file may be cut: its sections and its functions. */
function cuts(bytes: Uint8Array): number[] {
  const found = [0];
  for (const { id, begin, end } of sectionsOf(bytes)) {
    found.push(begin, end);
    if (id !== SECTION.code) continue;
    const reader = new WasmReader(bytes, begin);
    for (let count = reader.number(); count > 0; count--) found.push(reader.at, reader.block()[1]);
  }
  return [...new Set(found)].sort((a, b) => a - b);
}

type Piece = Uint8Array | [begin: number, end: number];

/** `target` as pieces of `base` and other bytes: few pieces, if most functions are the same in both. */
export function delta(base: Uint8Array, target: Uint8Array): Piece[] {
  const key = (bytes: Uint8Array, begin: number, end: number) =>
    Buffer.from(bytes.subarray(begin, end)).toString("latin1");
  const known = new Map<string, number>();
  const baseCuts = cuts(base);
  for (let i = 1; i < baseCuts.length; i++) known.set(key(base, baseCuts[i - 1], baseCuts[i]), baseCuts[i - 1]);
  const pieces: Piece[] = [];
  const targetCuts = cuts(target);
  for (let i = 1; i < targetCuts.length; i++) {
    const [begin, end] = [targetCuts[i - 1], targetCuts[i]];
    const from = known.get(key(target, begin, end));
    const last = pieces.at(-1);
    if (from === undefined) pieces.push(target.subarray(begin, end));
    else if (Array.isArray(last) && last[1] === from) last[1] += end - begin;
    else pieces.push([from, from + end - begin]);
  }
  const joined = Buffer.concat(pieces.map((piece) => (Array.isArray(piece) ? base.subarray(...piece) : piece)));
  if (!joined.equals(target)) throw new Error("delta: the pieces do not make the target");
  return pieces;
}
