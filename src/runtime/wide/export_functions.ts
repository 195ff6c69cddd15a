/**
 * The part of the WebAssembly binary format that a list of exports takes. see: WebAssembly core
 * specification, 5.5 (modules).
 */

const IMPORT_SECTION = 2;
const FUNCTION_SECTION = 3;
const EXPORT_SECTION = 7;
/** After the magic number and the version. */
const FIRST_SECTION = 8;

/** An unsigned LEB128 number: its value, and where the next byte is. */
function numberAt(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

function encoded(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...encoded(value >>> 7)];
}

/** Where a section and its contents begin, and where they end. Undefined if there is none. */
function section(bytes: Uint8Array, id: number): { begin: number; contents: number; end: number } | undefined {
  for (let begin = FIRST_SECTION; begin < bytes.length; ) {
    const [length, contents] = numberAt(bytes, begin + 1);
    const end = contents + length;
    if (bytes[begin] === id) return { begin, contents, end };
    begin = end;
  }
  return undefined;
}

/** The number of functions that a module imports. It may import functions and memories. */
function importedFunctions(bytes: Uint8Array): number {
  const imports = section(bytes, IMPORT_SECTION);
  if (!imports) return 0;
  let functions = 0;
  let [count, at] = numberAt(bytes, imports.contents);
  const skip = () => {
    const [value, end] = numberAt(bytes, at);
    at = end;
    return value;
  };
  for (; count > 0; count--) {
    for (const _ of ["module", "field"]) {
      const length = skip();
      at += length;
    }
    const isFunction = bytes[at++] === 0;
    const flags = skip(); // of a memory; of a function, its type
    if (isFunction) functions++;
    else for (let limits = 1 + (flags & 1); limits > 0; limits--) skip();
  }
  return functions;
}

/**
 * The module with all its functions exported. Those that are not yet are called `#` and their number. V8 can
 * be asked for a function only by its export.
 */
export function exportFunctions(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const declared = section(bytes, FUNCTION_SECTION);
  const old = section(bytes, EXPORT_SECTION);
  if (!declared || !old) return bytes.slice();
  const [functions] = numberAt(bytes, declared.contents);
  const exported = new Set<number>();
  const [count, first] = numberAt(bytes, old.contents);
  for (let at = first; at < old.end; ) {
    const [nameLength, name] = numberAt(bytes, at);
    const kind = name + nameLength;
    const [index, next] = numberAt(bytes, kind + 1);
    if (bytes[kind] === 0) exported.add(index);
    at = next;
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
  const parts = [
    bytes.subarray(0, old.begin),
    [EXPORT_SECTION, ...length, ...head],
    bytes.subarray(first, old.end),
    added,
    bytes.subarray(old.end),
  ];
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
