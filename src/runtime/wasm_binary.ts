/** Parts of the WebAssembly binary format. see: WebAssembly core specification, 5.5 (modules). */
import type { OwnBytes } from "../typed_arrays.ts";

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
export function joined(parts: readonly ArrayLike<number>[]): OwnBytes {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** The bodies of a module's functions, each with its length before it. */
export function functionBodies(bytes: Uint8Array): Uint8Array[] {
  const reader = new WasmReader(bytes, (sectionOf(bytes, SECTION.code) as Section).begin);
  return Array.from({ length: reader.number() }, () => {
    const start = reader.at;
    return bytes.subarray(start, reader.block()[1]);
  });
}

/**
 * A module with other bodies of functions. Each of `parts` has bodies: the number of a function, then its
 * body with the length before it.
 */
export function replaceBodies(bytes: Uint8Array, parts: readonly Uint8Array[]): OwnBytes {
  const { start, end } = sectionOf(bytes, SECTION.code) as Section;
  const bodies = functionBodies(bytes);
  for (const part of parts) {
    const reader = new WasmReader(part, 0);
    while (reader.at < part.length) {
      const index = reader.number();
      const begin = reader.at;
      bodies[index] = part.subarray(begin, reader.block()[1]);
    }
  }
  const count = encoded(bodies.length);
  const length = bodies.reduce((sum, body) => sum + body.length, count.length);
  return joined([bytes.subarray(0, start + 1), encoded(length), count, ...bodies, bytes.subarray(end)]);
}

/** An unsigned LEB128 number. */
export function encoded(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...encoded(value >>> 7)];
}
