import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, watch } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadCheckpoint } from "wasmgrad/io";

const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  errors: string;
}

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "wasmgrad-crash-"));
}

/** Starts the training run. `onBegin` is called when it begins. */
export function startRun(folder: string, epochs: number, onBegin?: (child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", TSX, CHILD, folder, String(epochs)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  let begun = false;
  child.stderr?.on("data", (text) => {
    errors += text;
  });
  child.stdout?.on("data", (text) => {
    if (begun || !String(text).includes("begin")) return;
    begun = true;
    onBegin?.(child);
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, errors }));
  });
}

/** Calls `then` at the n-th sign that a checkpoint is being written into the folder. */
export function atWrite(folder: string, n: number, then: () => void): () => void {
  const watcher = watch(folder, (_, name) => {
    if (name?.endsWith(".tmp") && n-- === 0) then();
  });
  return () => watcher.close();
}

/** The weights that a finished process wrote. */
export function finalWeights(folder: string): Buffer[] {
  const names = readdirSync(folder).filter((name) => name.startsWith("final-"));
  return names.map((name) => readFileSync(join(folder, name)));
}

/** Checks that every file with a checkpoint's name is complete. */
export function checkWhole(folder: string): void {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".safetensors"))) {
    if (existsSync(join(folder, name))) loadCheckpoint(join(folder, name));
  }
}
