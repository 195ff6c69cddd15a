/**
 * The part of the WebAssembly binary format that a list of exports takes. see: WebAssembly core
 * specification, 5.5 (modules).
 */

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

/** Where a section and its contents begin, and where they end. */
function section(bytes: Uint8Array, id: number): { begin: number; contents: number; end: number } {
  for (let begin = FIRST_SECTION; begin < bytes.length; ) {
    const [length, contents] = numberAt(bytes, begin + 1);
    const end = contents + length;
    if (bytes[begin] === id) return { begin, contents, end };
    begin = end;
  }
  throw new Error(`no section ${id}`);
}

/**
 * The module with all its functions exported. Those that are not yet are called `#` and their number. V8 can
 * be asked for a function only by its export. The module must import no functions.
 */
export function exportFunctions(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const [functions] = numberAt(bytes, section(bytes, FUNCTION_SECTION).contents);
  const old = section(bytes, EXPORT_SECTION);
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
  for (let index = 0; index < functions; index++) {
    if (exported.has(index)) continue;
    const name = [...`#${index}`].map((letter) => letter.charCodeAt(0));
    added.push(name.length, ...name, 0, ...encoded(index));
  }
  const total = encoded(count + functions - exported.size);
  const length = encoded(total.length + old.end - first + added.length);
  const parts = [
    bytes.subarray(0, old.begin),
    [EXPORT_SECTION, ...length, ...total],
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
