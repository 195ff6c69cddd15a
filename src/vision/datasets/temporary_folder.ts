import { DataError } from "../../errors.ts";
import type { Abort } from "../../io/fetch_file.ts";
import { joinPath } from "../../io/files.ts";
import { builtin } from "../../runtime/node_module.ts";

/**
 * Runs `body` with a temporary folder inside `root`, which is always removed afterwards. Ctrl-C removes it
 * too; the signal is then passed to other listeners or ends the process as usual.
 */
export async function withTemporaryFolder<T>(
  root: string,
  body: (folder: string, signal: Abort) => Promise<T>,
): Promise<T> {
  const { mkdirSync, mkdtempSync, rmSync } = builtin("node:fs");
  let folder: string;
  try {
    mkdirSync(root, { recursive: true });
    folder = mkdtempSync(joinPath(root, ".download-"));
  } catch (cause) {
    throw new DataError(`cannot write to ${root}: ${(cause as Error).message}`, { cause });
  }
  const abort = new AbortController();
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const signals = ["SIGINT", "SIGTERM"] as const;
  const stop = (signal: NodeJS.Signals) => {
    abort.abort(new DataError(`interrupted by ${signal}`));
    remove();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of signals) process.once(signal, stop);
  process.once("exit", remove);
  try {
    return await body(folder, abort.signal);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    process.off("exit", remove);
    remove();
  }
}
