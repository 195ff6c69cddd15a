/** The peers: how each is started, and which comparisons it takes part in. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Task } from "./protocol.ts";

export interface Contest extends Task {
  threads: number;
  /** How the peer does it, where there is more than one way. */
  variant?: string;
  /** For peers that are so slow that a median of many rounds would take an hour. */
  rounds?: number;
}

export interface PeerDefinition {
  /** Of the results file and of --peers. */
  name: string;
  label: string;
  /** Program and arguments before INPUTS THREADS VARIANT; undefined where the peer cannot be had. */
  command(): readonly string[] | undefined;
  /** What to say then. */
  missing: string;
  contests: readonly Contest[];
}

/** For all processes: the built library is what is measured, not its sources through tsx. */
export const environment = { TSX_TSCONFIG_PATH: fileURLToPath(new URL("../tsconfig.json", import.meta.url)) };

const folder = fileURLToPath(new URL(".", import.meta.url));

/** A TypeScript program, in this very version of Node; TSX_TSCONFIG_PATH says where it finds wasmgrad. */
function node(script: string): string[] {
  return [process.execPath, "--import", import.meta.resolve("tsx"), `${folder}peers/${script}`];
}

/** A peer from npm: there once `npm run bench:versus` has installed it. */
function fromNpm(script: string, packageName: string): () => string[] | undefined {
  return () => (existsSync(`${folder}node_modules/${packageName}`) ? node(script) : undefined);
}

function pythonWithTorch(): string[] | undefined {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
      return [python, `${folder}peers/pytorch.py`];
    } catch {
      // not this one
    }
  }
  return undefined;
}

const NOT_INSTALLED = "not installed in bench/versus";

export const ours: readonly string[] = node("wasmgrad.ts");

const train = (batch: number, threads: number, more: Partial<Contest> = {}): Contest => ({
  kind: "train",
  batch,
  threads,
  ...more,
});
const forward = (batch: number, threads: number, more: Partial<Contest> = {}): Contest => ({
  ...train(batch, threads, more),
  kind: "forward",
});

export const peers: readonly PeerDefinition[] = [
  {
    name: "pytorch",
    label: "PyTorch (native)",
    command: pythonWithTorch,
    missing: "neither python3 nor /usr/bin/python3 has torch",
    contests: [
      train(4, 1),
      train(4, 2),
      train(64, 1),
      train(64, 2),
      train(4, 1, { variant: "channels_last" }),
      forward(4, 1),
      forward(64, 1),
    ],
  },
  {
    name: "onnxruntime-node",
    label: "onnxruntime-node (native)",
    command: fromNpm("onnxruntime.ts", "onnxruntime-node"),
    missing: NOT_INSTALLED,
    contests: [forward(4, 1), forward(64, 1), forward(64, 2)],
  },
  {
    name: "onnxruntime-web",
    label: "onnxruntime-web",
    command: fromNpm("onnxruntime.ts", "onnxruntime-web"),
    missing: NOT_INSTALLED,
    contests: [forward(4, 1), forward(64, 1)],
  },
  {
    name: "tfjs-wasm",
    label: "tfjs, wasm",
    command: fromNpm("tfjs.ts", "@tensorflow/tfjs-backend-wasm"),
    missing: NOT_INSTALLED,
    contests: [
      train(4, 1, { variant: "as its docs say", rounds: 1 }),
      train(4, 1, { variant: "gradients by hand" }),
      train(64, 1, { variant: "gradients by hand" }),
      forward(4, 1, { variant: "as its docs say" }),
      forward(64, 1, { variant: "as its docs say" }),
    ],
  },
  {
    name: "jax-js",
    label: "jax-js, wasm",
    command: fromNpm("jax.ts", "@jax-js/jax"),
    missing: NOT_INSTALLED,
    contests: [
      train(4, 1, { variant: "as its docs say", rounds: 3 }),
      train(4, 1, { variant: "im2col and dot" }),
      train(64, 1, { variant: "im2col and dot", rounds: 5 }),
    ],
  },
  {
    name: "tfjs-cpu",
    label: "tfjs, plain JavaScript",
    command: fromNpm("tfjs.ts", "@tensorflow/tfjs-backend-cpu"),
    missing: NOT_INSTALLED,
    contests: [train(1, 1, { variant: "as its docs say", rounds: 3 })],
  },
];
