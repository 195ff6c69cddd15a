/**
 * A reader of plain tar archives (ustar) that is independent of the package's: returns whole files by name.
 */
import { Refused } from "./json.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1").split("\0")[0];

/** @throws Refused if it is not a complete plain archive, about which the test can then say nothing. */
export function readTar(archive: Uint8Array): { name: string; bytes: Uint8Array }[] {
  const files: { name: string; bytes: Uint8Array }[] = [];
  for (let at = 0; at + 512 <= archive.length; ) {
    const header = archive.subarray(at, at + 512);
    if (header.every((byte) => byte === 0)) {
      const rest = archive.subarray(at);
      if (rest.length < 1024 || rest.some((byte) => byte !== 0)) throw new Refused("something after the end");
      return files;
    }
    const sum = header.reduce((a, byte, i) => a + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (Number.parseInt(text(header.subarray(148, 156)).trim(), 8) !== sum) throw new Refused("a checksum");
    const size = text(header.subarray(124, 136)).trim();
    const kind = String.fromCharCode(header[156]);
    if (!/^[0-7]+$/.test(size) || !"0\0".includes(kind)) {
      throw new Refused(`a size of ${size}, an entry of kind ${kind}`);
    }
    if (header.subarray(157, 257).some((byte) => byte !== 0)) throw new Refused("a file with a link");
    const end = at + 512 + Number.parseInt(size, 8);
    files.push({ name: text(header.subarray(0, 100)), bytes: archive.subarray(at + 512, end) });
    at = Math.ceil(end / 512) * 512;
  }
  throw new Refused("no end");
}
