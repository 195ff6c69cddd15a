/** Parts of the WebAssembly binary format. see: WebAssembly core specification, 5.5 (modules). */

/** Numbers of sections. */
export const SECTION = {
  custom: 0,
  import: 2,
  function: 3,
  global: 6,
  export: 7,
  start: 8,
  code: 10,
  data: 11,
} as const;

/** Kinds of imports and exports. */
export const KIND = { function: 0, memory: 2 } as const;

/** Reads a module, which must be valid, from position `at` on. */
export class WasmReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128 number. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (!(byte >= 128)) return value;
    }
  }

  /** A block, which is a length followed by that many bytes; returns where the bytes begin and end. */
  block(): readonly [begin: number, end: number] {
    const length = this.number();
    this.at += length;
    return [this.at - length, this.at];
  }
}

export interface Section {
  id: number;
  /** Where its number is. */
  start: number;
  /** Where its contents begin and end. */
  begin: number;
  end: number;
}

/** The sections of a module. */
export function sectionsOf(bytes: Uint8Array): Section[] {
  const reader = new WasmReader(bytes, 8); // after the magic number and the version
  const found: Section[] = [];
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    const [begin, end] = reader.block();
    found.push({ id, start, begin, end });
  }
  return found;
}

/** The first section of a kind. */
export function sectionOf(bytes: Uint8Array, id: number): Section | undefined {
  return sectionsOf(bytes).find((section) => section.id === id);
}

/** The bytes of several parts, one after the other. */
export function joined(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
