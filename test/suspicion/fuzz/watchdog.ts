import { createRequire } from "node:module";

const { Worker } = createRequire(import.meta.url)("node:worker_threads") as typeof import("node:worker_threads");

/**
 * Ends the process if a case takes longer than `limitSeconds`, and prints which case it was. A timer could
 * not do that, because operations block the event loop. Returns a function to be called before each case.
 */
export function startWatchdog(seed: number, limitSeconds: number): (kind: string, index: number) => void {
  const shared = new SharedArrayBuffer(256);
  const [words, name] = [new Int32Array(shared, 0, 3), new Uint8Array(shared, 12)];
  const source = `
    const { shared, seed, limit } = require("node:worker_threads").workerData;
    const [words, name] = [new Int32Array(shared, 0, 3), new Uint8Array(shared, 12)];
    for (let seen = 0; ; seen = Atomics.load(words, 0)) {
      if (Atomics.wait(words, 0, seen, limit) !== "timed-out" || seen === 0) continue;
      const kind = Buffer.from(name.slice(0, words[2])).toString();
      const text = "FAILED " + kind + ", case " + words[1] + ": hangs\\n  again: npm run fuzz -- --seed " + seed + " --only " + kind + " --case " + words[1] + "\\n";
      require("node:fs").writeSync(2, text);
      process.kill(process.pid, "SIGKILL");
    }`;
  const workerData = { shared, seed, limit: 1000 * limitSeconds };
  new Worker(source, { eval: true, workerData }).unref();
  return (kind, index) => {
    const bytes = Buffer.from(kind);
    name.set(bytes);
    words[1] = index;
    words[2] = bytes.length;
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
  };
}
