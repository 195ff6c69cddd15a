/** Starts other processes of the benchmarks. */
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** Program and arguments that run a TypeScript program of bench/ in the current version of Node. */
export function nodeCommand(script: string, ...args: string[]): string[] {
  return [process.execPath, "--import", tsx, fileURLToPath(new URL(`../${script}`, import.meta.url)), ...args];
}

/** The environment in which a program imports the built library rather than its sources. */
export const environment = { TSX_TSCONFIG_PATH: fileURLToPath(new URL("../tsconfig.json", import.meta.url)) };

/** The environment in which a program imports the sources. */
export const sources = { TSX_TSCONFIG_PATH: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)) };
