import { DataError } from "../../errors.ts";
import type { ByteStream } from "./set_folder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The bytes of a file, decompressed if they begin as gzip. Some servers send `.gz` files with
 * `Content-Encoding: gzip`, so that a page receives them decompressed.
 *
 * @throws DataError if the file is damaged or ends early.
 */
export async function* decompressed(file: ByteStream): AsyncGenerator<Bytes, void, undefined> {
  const [first, stream] = await peek(file as ReadableStream<Bytes>);
  const isGzip = first[0] === 0x1f && first[1] === 0x8b;
  const reader = (isGzip ? stream.pipeThrough(new DecompressionStream("gzip")) : stream).getReader();
  try {
    while (true) {
      const read = await reader.read().catch((cause) => {
        throw new DataError((cause as Error).message, { cause });
      });
      if (read.done) return;
      yield read.value as Bytes;
    }
  } finally {
    await reader.cancel().catch(() => {}); // an error of the stream is known by now
  }
}

/** The first two bytes of a stream, or fewer if it is shorter, and a stream with all its bytes. */
async function peek(file: ReadableStream<Bytes>): Promise<[Bytes, ReadableStream<Bytes>]> {
  const reader = file.getReader();
  let first: Bytes = new Uint8Array(0);
  while (first.length < 2) {
    const { done, value } = await reader.read();
    if (done) break;
    first = new Uint8Array([...first, ...value]);
  }
  const stream = new ReadableStream<Bytes>({
    start: (controller) => controller.enqueue(first),
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return [first, stream];
}
