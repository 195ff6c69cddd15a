/**
 * What a program of a run finds in place of Node: `process`, and some of Node's modules. The library finds
 * files through `process.getBuiltinModule`, so that everything that reads and writes files works as in Node.
 */
import "./global.ts";
import { parseArgs } from "@pkgjs/parseargs";
import * as inspection from "node-inspect-extracted";
import path from "path-browserify";
import { memoryFiles, type Watcher } from "./files.ts";

const SAMPLE = "/examples/data/";

/** A path of an address. The library finds its sample of images beside its own files. */
function fileURLToPath(url: string | URL): string {
  const { pathname } = new URL(url);
  const at = pathname.indexOf(SAMPLE);
  return decodeURIComponent(at < 0 ? pathname : pathname.slice(at));
}

/** A module of Node: its names, and itself as `default`. */
const nodeModule = (names: object) => ({ ...names, default: names });

/** Node's modules for a program, and its process. */
export function makeMachine(argv: readonly string[], data: Readonly<Record<string, string>>, watcher: Watcher) {
  const sleep = (milliseconds = 0, value?: unknown) =>
    new Promise((resolve) => setTimeout(() => resolve(value), milliseconds));
  const env: Record<string, string> = {};
  const process = {
    argv: [...argv],
    env,
    pid: 1,
    platform: "browser",
    exitCode: undefined as number | undefined,
    stdout: { isTTY: false, write: (text: string) => console.log(text.replace(/\n$/, "")) },
    stderr: { isTTY: false, write: (text: string) => console.error(text.replace(/\n$/, "")) },
    cwd: () => "/",
    on: () => process,
    once: () => process,
    off: () => process,
    removeListener: () => process,
    getBuiltinModule: (name: string) => modules[name],
  };
  const modules: Record<string, object> = {
    "node:fs": nodeModule(memoryFiles(data, watcher)),
    "node:path": nodeModule(path),
    "node:os": nodeModule({
      tmpdir: () => "/tmp",
      availableParallelism: () => navigator.hardwareConcurrency || 1,
      constants: { signals: { SIGINT: 2, SIGTERM: 15 } },
    }),
    "node:url": nodeModule({
      fileURLToPath,
      pathToFileURL: (file: string) => new URL(`file://${path.resolve("/", file)}`),
    }),
    "node:util": nodeModule({ ...inspection, parseArgs }),
    "node:timers/promises": nodeModule({ setTimeout: sleep, setImmediate: (value?: unknown) => sleep(0, value) }),
    "node:process": nodeModule(process),
  };
  return { process, modules };
}
