/** Checks and times the rungs of a ladder with the code that `npm run ladder` runs, away from the page. */
import { instantiateLadder, useLadder } from "../../../bench/ladder/kernels.ts";
import { ladders } from "../../../bench/ladder/ladders.ts";
import { measureLayer } from "../../../bench/ladder/measure.ts";
import { Ceiling } from "../../../bench/lib/ceiling.ts";
import ceilingAddress from "../../../build/ceiling.baseline.wasm?url";
import ladderAddress from "../../../build/ladder.wasm?url";
import { scope, setNumThreads } from "../../../src/index.ts";
import type { Report, Request } from "./messages.ts";

const report = (message: Report) => postMessage(message);

async function load(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function measure({ op, layer, pass, rounds, time }: Request): Promise<void> {
  setNumThreads(1);
  const [kernels, ceilingKernels] = await Promise.all([load(ladderAddress), load(ceilingAddress)]);
  useLadder(instantiateLadder(kernels));
  const ladder = ladders.find((candidate) => candidate.op === op)!;
  const sizes = ladder.layers.find(({ name }) => name === layer)!;
  const afterTurn = (share: number) => report({ kind: "progress", share });
  const afterCheck = ({ number, name }: { number: number; name: string }, error: number) =>
    report({ kind: "checked", rung: number, name, error });
  const selection = { rungs: ladder.rungs, passes: [pass], afterCheck };
  const ceiling = new Ceiling(ceilingKernels);
  const rows = scope(() => measureLayer(ladder, sizes, selection, ceiling, { rounds, time, afterTurn }));
  report({ kind: "done", rows });
}

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  measure(data).catch((error: unknown) =>
    report({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
