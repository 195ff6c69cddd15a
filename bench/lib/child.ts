/** How other processes of the bench are started. */
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** Program and arguments of a TypeScript program of bench/, in this very version of Node. */
export function nodeCommand(script: string, ...args: string[]): string[] {
  return [process.execPath, "--import", tsx, fileURLToPath(new URL(`../${script}`, import.meta.url)), ...args];
}

/** What is measured is the built library, not its sources through tsx: this file says so. */
export const environment = { TSX_TSCONFIG_PATH: fileURLToPath(new URL("../tsconfig.json", import.meta.url)) };

/** The sources, for what reaches into them. */
export const sources = { TSX_TSCONFIG_PATH: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)) };
