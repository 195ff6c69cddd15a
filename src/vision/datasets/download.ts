import type { ReadableStream } from "node:stream/web";
import { DataError } from "../../errors.ts";
import { builtin, nodePackage } from "../../runtime/node_module.ts";

const MIB = 1024 * 1024;

interface Progress {
  update(bytes: number): void;
  stop(): void;
}

/** Shows progress on standard error: a bar on a terminal, otherwise a line after each quarter. */
async function startProgress(label: string, total: number): Promise<Progress> {
  const size = total > 0 ? `${(total / MIB).toFixed(1)} MiB` : "unknown size";
  const progress = process.stderr.isTTY && total > 0 ? nodePackage("cli-progress") : undefined;
  if (!isProgress(progress)) {
    console.error(`${label}: ${size}`);
    let quarter = 1;
    return {
      update(bytes) {
        for (; total > 0 && bytes >= (total * quarter) / 4; quarter++) console.error(`${label}: ${quarter * 25} %`);
      },
      stop() {},
    };
  }
  const bar = new progress.SingleBar(
    { format: `${label} {bar} {percentage} % of ${size}, {eta_formatted} left`, hideCursor: true },
    progress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return { update: (bytes) => bar.update(bytes), stop: () => bar.stop() };
}

function isProgress(value: unknown): value is typeof import("cli-progress") {
  return value !== undefined;
}

/** The message of a failed request, including the cause that `fetch` hides. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? `${message} (${cause.message})` : message;
}

/**
 * Downloads a file to `path` and checks its MD5. After a failure, the caller must remove the partial file.
 *
 * @throws DataError when the server cannot be reached or does not send the complete file.
 */
export async function downloadFile(url: string, path: string, md5: string, signal?: AbortSignal): Promise<void> {
  const { createHash } = builtin("node:crypto");
  const { createWriteStream } = builtin("node:fs");
  const { Readable } = builtin("node:stream");
  const { pipeline } = builtin("node:stream/promises");
  const hash = createHash("md5");
  let bytes = 0;
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || !response.body) {
      throw new DataError(`expected status 200, got ${response.status} ${response.statusText}`);
    }
    const progress = await startProgress(url, Number(response.headers.get("content-length") ?? 0));
    try {
      await pipeline(
        Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
        async function* (chunks: AsyncIterable<Uint8Array>) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            bytes += chunk.length;
            progress.update(bytes);
            yield chunk;
          }
        },
        createWriteStream(path, { flush: true }),
        { signal },
      );
    } finally {
      progress.stop();
    }
  } catch (cause) {
    throw new DataError(`${url} to ${path}: ${reason(cause)}`, { cause });
  }
  const actual = hash.digest("hex");
  if (actual !== md5) throw new DataError(`${url}: expected MD5 ${md5}, got ${actual} after ${bytes} bytes`);
}
