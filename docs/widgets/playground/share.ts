/** A program as the part of an address after `#`: compressed, in the letters of base64url. */

export interface Shared {
  readonly file: string;
  /** Undefined: the file's own text. */
  readonly source?: string;
  readonly args?: string;
}

async function through(bytes: BlobPart, stream: CompressionStream | DecompressionStream): Promise<ArrayBuffer> {
  return new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();
}

/** The longest text that a link may hold, so that a bad link cannot fill the memory. */
const MOST_BYTES = 2 ** 20;

export async function toHash(shared: Shared): Promise<string> {
  const bytes = new Uint8Array(await through(JSON.stringify(shared), new CompressionStream("deflate-raw")));
  const letters = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `program=${letters.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** @throws Error for a link that was cut off or changed. Undefined where the address has no program. */
export async function fromHash(hash: string): Promise<Shared | undefined> {
  const letters = /^#?program=([\w-]+)$/.exec(hash)?.[1];
  if (letters === undefined) return undefined;
  try {
    const text = atob(letters.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const json = await through(bytes, new DecompressionStream("deflate-raw"));
    if (json.byteLength > MOST_BYTES) throw new Error("too long");
    const shared = JSON.parse(new TextDecoder().decode(json)) as Shared;
    if (typeof shared.file !== "string" || !["string", "undefined"].includes(typeof shared.source)) throw new Error();
    return { file: shared.file, source: shared.source, args: String(shared.args ?? "") };
  } catch (cause) {
    throw new Error("The link is not complete: its program cannot be read.", { cause });
  }
}
