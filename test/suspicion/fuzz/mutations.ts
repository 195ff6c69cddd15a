/** Makes small changes to files: to their bytes, and to the structures of their formats. */
import { deflateSync, inflateSync } from "node:zlib";
import { Header } from "tar";
import { crc32Of } from "./crc32.ts";
import type { Random } from "./random.ts";
import { readChunks } from "./readers/png.ts";

const TOKENS = [
  "0",
  "-1",
  "1e999",
  "null",
  "true",
  '""',
  "[]",
  "{}",
  "9007199254740993",
  "4294967296",
  '"NaN"',
  "[[[]]]",
  "-0",
  "0.5",
];
const NUMBERS = [0, 1, 127, 128, 255];

/**
 * Changes bytes: changes single ones, removes, duplicates or moves pieces, cuts off the end, replaces JSON
 * words.
 */
export function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  let changed: Buffer = Buffer.from(bytes);
  for (let n = random.pick([1, 1, 1, 2, 5]); n > 0; n--) {
    const at = random.chance(0.4)
      ? random.integer(0, Math.min(changed.length, 200))
      : random.integer(0, changed.length);
    const length = random.pick([1, 1, 2, 4, 8, 40]);
    const [before, piece, after] = [
      changed.subarray(0, at),
      changed.subarray(at, at + length),
      changed.subarray(at + length),
    ];
    switch (random.pick(["flip", "set", "set", "cut", "drop", "double", "insert", "json", "json"])) {
      case "flip":
        if (at < changed.length) changed[at] ^= 1 << random.integer(0, 7);
        break;
      case "set":
        if (at < changed.length) changed[at] = random.chance(0.5) ? random.pick(NUMBERS) : random.integer(0, 255);
        break;
      case "cut":
        changed = Buffer.from(before);
        break;
      case "drop":
        changed = Buffer.concat([before, after]);
        break;
      case "double":
        changed = Buffer.concat([before, piece, piece, after]);
        break;
      case "insert":
        changed = Buffer.concat([before, Buffer.from(random.normals(length).buffer, 0, length), piece, after]);
        break;
      default:
        changed = replaceJson(random, changed);
    }
  }
  return new Uint8Array(changed);
}

/** A safetensors file made of a header, preceded by its length, and data. */
function joinSafetensors(header: Buffer, data: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(header.length);
  return new Uint8Array(Buffer.concat([prefix, header, data]));
}

/** Changes the header of a safetensors file so that the reader gets as far as the described tensors. */
export function mutateSafetensors(random: Random, bytes: Uint8Array): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  let header = Buffer.from(bytes.subarray(8, 8 + length));
  const data = Buffer.from(bytes.subarray(8 + length));
  const fields = JSON.parse(header.toString());
  // the state of a checkpoint is JSON inside the JSON
  const ofState = fields.__metadata__?.state ? ["state", "state"] : [];
  const shift = (name: string, bytes: number) => {
    const offsets = fields[name].data_offsets;
    fields[name].data_offsets = [offsets[0] + bytes, offsets[1] + bytes];
  };
  const names = Object.keys(fields).filter((key) => key !== "__metadata__");
  switch (random.pick(["header", "data", "dtype", "names", "order", "place", "twice", ...ofState])) {
    case "place": {
      // a hole, an overlap, bytes before the first or after the last
      const from = random.integer(0, names.length - 1);
      const by = random.pick([-8, -4, 4, 8]);
      for (const name of random.chance(0.7) ? names.slice(from) : [names[from]]) shift(name, by);
      const more = Buffer.alloc(random.pick([0, Math.max(0, by)]));
      return joinSafetensors(Buffer.from(JSON.stringify(fields)), Buffer.concat([data, more]));
    }
    case "twice": {
      const name = random.pick(Object.keys(fields));
      const again = `${JSON.stringify(name)}:${JSON.stringify(fields[name])}`;
      const text = header.toString().trim();
      header = Buffer.from(random.chance(0.5) ? `{${again},${text.slice(1)}` : `${text.slice(0, -1)}, ${again}}`);
      break;
    }
    case "state":
      if (random.chance(0.3)) {
        fields.__metadata__.state = replaceJson(random, Buffer.from(fields.__metadata__.state)).toString();
      } else
        fields.__metadata__.state = JSON.stringify(mutateValue(random, JSON.parse(fields.__metadata__.state)) ?? 0);
      header = Buffer.from(JSON.stringify(fields));
      break;
    case "data":
      for (let n = random.integer(1, 20); n > 0; n--) data[random.integer(0, data.length - 1)] = random.integer(0, 255);
      break;
    case "dtype": {
      const name = random.pick(names);
      const { shape, data_offsets } = fields[name];
      const bytesOf = random.pick([1, 2, 4, 8]);
      const count = (data_offsets[1] - data_offsets[0]) / bytesOf;
      fields[name].dtype = random.pick(DTYPES_BY_BYTES[bytesOf]);
      if (random.chance(0.9)) fields[name].shape = random.chance(0.5) && bytesOf === 4 ? shape : [1, count];
      header = Buffer.from(JSON.stringify(fields));
      break;
    }
    case "names": {
      const entries = Object.entries(fields).map(([name, value]) => [
        random.chance(0.2) ? `${name}\u{1f600}` : name,
        value,
      ]);
      header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
      break;
    }
    case "order": {
      const entries = Object.entries(fields).map((entry) => ({ entry, key: random.fraction() }));
      const shuffled = entries.sort((a, b) => a.key - b.key).map(({ entry }) => entry);
      header = Buffer.from(JSON.stringify(Object.fromEntries(shuffled), null, random.integer(0, 2)));
      break;
    }
    default:
      for (let n = random.integer(1, 3); n > 0; n--) header = Buffer.from(replaceJson(random, header));
  }
  return joinSafetensors(header, data);
}

const DTYPES_BY_BYTES: Record<number, string[]> = {
  1: ["I8", "U8", "BOOL"],
  2: ["F16", "BF16", "I16", "U16"],
  4: ["F32", "I32", "U32"],
  8: ["F64", "I64", "U64"],
};

/** A valid file with tensors of all dtypes. It may contain a value that the library cannot represent. */
export function makeSafetensors(random: Random): Uint8Array {
  const fields: Record<string, unknown> = {};
  if (random.chance(0.3)) fields.__metadata__ = { [`k${random.integer(0, 9)}"`]: random.pick(["", "ü\n", "\u2028"]) };
  const parts: Buffer[] = [];
  let at = 0;
  for (let n = random.integer(0, 6); n > 0; n--) {
    const bytesOf = random.pick([1, 2, 4, 8]);
    const dtype = random.pick(DTYPES_BY_BYTES[bytesOf]);
    const shape = random.shape(0, 4, 60);
    const data = Buffer.alloc(shape.reduce((a, b) => a * b, bytesOf));
    const small = random.chance(0.8); // so that I64 and the like fit
    for (let i = 0; i < data.length; i++) {
      const low = i % bytesOf < Math.ceil(bytesOf / 3);
      data[i] = dtype === "BOOL" ? random.integer(0, small ? 1 : 2) : small && !low ? 0 : random.integer(0, 255);
    }
    fields[random.pick(["a", "b.c", "é", "0", "10", "__proto__x", "", "\u{1f600}"]) + n] = {
      ...(random.chance(0.5) ? { dtype, shape } : { shape, dtype }),
      data_offsets: [at, (at += data.length)],
    };
    parts.push(data);
  }
  return joinSafetensors(Buffer.from(JSON.stringify(fields, null, random.integer(0, 1))), Buffer.concat(parts));
}

/** Changes one place of a JSON value: to another value, to nothing, or to a neighbour's value. */
export function mutateValue(random: Random, root: unknown): unknown {
  const held = { root };
  const places: [container: Record<string, unknown>, key: string][] = [];
  const visit = (container: object) => {
    for (const [key, value] of Object.entries(container)) {
      places.push([container as Record<string, unknown>, key]);
      if (typeof value === "object" && value !== null) visit(value);
    }
  };
  visit(held);
  const [container, key] = random.pick(places);
  switch (random.pick(["set", "set", "set", "near", "drop", "move"])) {
    case "set":
      container[key] = JSON.parse(random.pick(TOKENS));
      break;
    case "near": {
      const value = container[key];
      if (typeof value === "number") container[key] = random.pick([value + 1, value - 1, -value, value + 0.5, 2 ** 53]);
      break;
    }
    case "drop":
      if (Array.isArray(container)) container.splice(Number(key), 1);
      else delete container[key];
      break;
    default:
      container[random.pick(Object.keys(container))] = structuredClone(container[key]);
  }
  return held.root;
}

/** Replaces a number, string or list in the JSON. The length stays the same if a header counts bytes. */
export function replaceJson(random: Random, bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  const found = [...text.matchAll(/-?\d+(?:\.\d+)?|"[^"\\]{0,40}"|\[[^[\]]{0,40}\]|null|true|false/g)];
  if (found.length === 0) return bytes;
  const { 0: old, index } = random.pick(found);
  const token = random.pick(TOKENS);
  const put = random.chance(0.7) && token.length <= old.length ? token.padEnd(old.length) : token;
  return Buffer.from(text.slice(0, index) + put + text.slice(index + old.length), "latin1");
}

/**
 * Changes chunks of a PNG file and corrects their checksums, so that the reader gets as far as their
 * contents.
 */
export function mutatePng(random: Random, file: Uint8Array): Uint8Array {
  const chunks = readChunks(file).map(({ type, data }) => ({ type, data: Buffer.from(data) as Buffer }));
  for (let n = random.integer(1, 2); n > 0; n--) {
    const at = random.integer(0, chunks.length - 1);
    switch (random.pick(["head", "head", "raw", "raw", "packed", "packed", "drop", "double", "swap", "add", "split"])) {
      case "head":
        chunks[0].data[random.integer(0, 12)] = random.pick([0, 1, 2, 3, 4, 6, 8, 16, 255]);
        break;
      case "raw":
        for (const chunk of chunks.filter(({ type }) => type === "IDAT")) chunk.data = mutateRaw(random, chunk.data);
        break;
      case "packed":
        for (const chunk of chunks.filter(({ type }) => type === "IDAT")) {
          chunk.data = Buffer.from(mutate(random, chunk.data));
        }
        break;
      case "drop":
        if (chunks.length > 1) chunks.splice(at, 1);
        break;
      case "double":
        chunks.splice(at, 0, chunks[at]);
        break;
      case "swap":
        chunks.splice(at, 0, ...chunks.splice(random.integer(0, chunks.length - 1), 1));
        break;
      case "add": {
        const type = random.pick(["tEXt", "pHYs", "tRNS", "PLTE", "gAMA", "iCCP", "zzZZ", "QQQQ", "acTL"]);
        chunks.splice(at, 0, { type, data: Buffer.alloc(random.integer(0, 12), random.integer(0, 255)) });
        break;
      }
      default: {
        const { type, data } = chunks[at];
        const cut = random.integer(0, data.length);
        chunks.splice(at, 1, { type, data: data.subarray(0, cut) }, { type, data: data.subarray(cut) });
      }
    }
  }
  return new Uint8Array(Buffer.concat([file.subarray(0, 8), ...chunks.map(chunkBytes)]));
}

export function chunkBytes({ type, data }: { type: string; data: Buffer }): Buffer {
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32Of(named));
  return Buffer.concat([length, named, sum]);
}

/** Compressed lines of pixels with different filters, or with a few bytes more or fewer. */
function mutateRaw(random: Random, packed: Buffer): Buffer {
  let raw: Buffer;
  try {
    raw = inflateSync(packed);
  } catch {
    return packed; // an earlier change made it invalid
  }
  const line = 1 + 3072;
  for (let at = 0; at < raw.length; at += line) if (random.chance(0.7)) raw[at] = random.integer(0, 4);
  const lengths = [raw.length - 1, raw.length - 10, raw.length - line, raw.length + 1, raw.length + line, 0];
  const length = random.chance(0.5) ? raw.length : random.pick(lengths);
  return deflateSync(Buffer.concat([raw, Buffer.alloc(line)]).subarray(0, Math.max(0, length)), { level: 1 });
}

/** An archive of files with unusual names, sizes and labels, but otherwise complete. */
export function makeTar(random: Random, recordBytes: number): Uint8Array {
  const blocks: Buffer[] = [];
  for (let n = random.pick([1, 1, 2, 3]); n > 0; n--) {
    const name = random.pick(["test_batch.bin", "test_batch.bin", "test_batch.bin", "data_batch_1.bin", "x"]);
    const size = random.pick([2, 2, 2, 2, 1, 3]) * recordBytes + random.pick([0, 0, 0, 0, 0, 1]);
    const data = Buffer.from(Uint8Array.from({ length: size }, () => random.integer(0, 255)));
    for (let at = 0; at < size; at += recordBytes) data[at] = random.integer(0, random.chance(0.1) ? 12 : 9);
    const header = new Header({
      path: `${random.pick(["cifar-10-batches-bin/", "", "a/b/"])}${name}`,
      ...{ size, type: random.chance(0.95) ? "File" : "ContiguousFile", mode: 0o644, mtime: new Date(0) },
    });
    const block = Buffer.alloc(512);
    header.encode(block, 0);
    blocks.push(block, data, Buffer.alloc((512 - (size % 512)) % 512));
  }
  return new Uint8Array(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}
