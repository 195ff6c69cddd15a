/** The peers: how each is started, and in which comparisons it takes part. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nodeCommand } from "../lib/child.ts";
import { models } from "../models/index.ts";
import { operations } from "./operations.ts";
import type { Task } from "./protocol.ts";

export interface Contest extends Task {
  threads: number;
  /** The way in which the peer computes the task, if there are several. */
  variant?: string;
  /** Of ours, where it is not the default. */
  precision?: "fast";
  /** For peers that are so slow that a median of many rounds would take an hour. */
  rounds?: number;
}

export interface PeerDefinition {
  /** Its name in the results and for --peers. */
  name: string;
  label: string;
  /** Program and arguments, before INPUTS THREADS VARIANT; undefined if the peer is not available. */
  command(): readonly string[] | undefined;
  /** The message if the peer is not available. */
  missing: string;
  contests: readonly Contest[];
  /**
   * Ways for its threads to wait, as environment variables. With more than one thread it is measured with
   * each of them, and the fastest counts.
   */
  waitPolicies?: readonly WaitPolicy[];
  /** Ways to compute, as its VARIANT: it is measured in each, and the fastest counts. */
  ways?: readonly string[];
}

export interface WaitPolicy {
  name?: string;
  variables: Record<string, string>;
}

/** The ways of a peer to compute a contest. An operation alone has one way. */
export function waysToCompute({ ways }: PeerDefinition, { kind }: Contest): readonly (string | undefined)[] {
  if (!ways) return [undefined];
  return kind.startsWith("operation") ? ways.slice(0, 1) : ways;
}

/** The ways for the threads of a peer to wait in a contest. */
export function waitPolicies({ waitPolicies }: PeerDefinition, { threads }: Contest): readonly WaitPolicy[] {
  return (threads > 1 && waitPolicies) || [{ variables: {} }];
}

const folder = fileURLToPath(new URL(".", import.meta.url));

/** A peer from npm, which is available once `npm run bench:versus` has installed it. */
function fromNpm(packageName: string, script: string, ...args: string[]): () => string[] | undefined {
  return () =>
    existsSync(`${folder}node_modules/${packageName}`) ? nodeCommand(`versus/peers/${script}`, ...args) : undefined;
}

function pythonWithTorch(): string[] | undefined {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
      return [python, `${folder}peers/pytorch.py`];
    } catch {
      // this one is missing: try the next
    }
  }
  return undefined;
}

const NOT_INSTALLED = "not installed in bench/versus";

export const ours: readonly string[] = nodeCommand("versus/peers/wasmgrad.ts");

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

/** The linear layers of these are limited by arithmetic, where fused operations count. */
const TRANSFORMERS = ["vit", "gpt"];

const modelContests: readonly Contest[] = models.flatMap(({ name, batches }) =>
  batches.flatMap((batch) => {
    const contest: Contest = { kind: "model", model: name, batch, threads: 1 };
    return TRANSFORMERS.includes(name) ? [contest, { ...contest, precision: "fast" as const }] : [contest];
  }),
);

/** Those that are limited by arithmetic are measured in fast precision as well. */
const operationContests: readonly Contest[] = Object.keys(operations).flatMap((model) =>
  (["operation", "operation forward"] as const).flatMap((kind) => {
    const contest: Contest = { kind, model, batch: 64, threads: 1 };
    return /^(LSTM|GRU)/.test(model) ? [contest, { ...contest, precision: "fast" as const }] : [contest];
  }),
);

export const peers: readonly PeerDefinition[] = [
  {
    name: "pytorch",
    label: "PyTorch (native)",
    command: pythonWithTorch,
    missing: "neither python3 nor /usr/bin/python3 has torch",
    contests: [
      ...[train(4, 1), train(4, 2), train(64, 1), train(64, 2), forward(4, 1), forward(64, 1)],
      ...modelContests,
      ...operationContests,
    ],
    ways: ["eager", "channels_last", "torch.compile"],
    // OpenMP's threads spin where they wait for each other; where they have to share cores, that
    // can cost more than the work
    waitPolicies: [
      { name: "default", variables: {} },
      { name: "passive", variables: { OMP_WAIT_POLICY: "PASSIVE" } },
    ],
  },
  {
    name: "onnxruntime-node",
    label: "onnxruntime-node (native)",
    command: fromNpm("onnxruntime-node", "onnxruntime.ts", "native"),
    missing: NOT_INSTALLED,
    contests: [forward(4, 1), forward(64, 1), forward(64, 2)],
  },
  {
    name: "onnxruntime-web",
    label: "onnxruntime-web",
    command: fromNpm("onnxruntime-web", "onnxruntime.ts", "wasm"),
    missing: NOT_INSTALLED,
    contests: [forward(4, 1), forward(64, 1)],
  },
  {
    name: "tfjs-wasm",
    label: "tfjs, wasm",
    command: fromNpm("@tensorflow/tfjs-backend-wasm", "tfjs.ts", "wasm"),
    missing: NOT_INSTALLED,
    contests: [
      train(4, 1, { variant: "as its docs say", rounds: 1 }),
      train(4, 1, { variant: "by hand" }),
      train(64, 1, { variant: "by hand" }),
      forward(4, 1, { variant: "as its docs say" }),
      forward(4, 1, { variant: "by hand" }),
      forward(64, 1, { variant: "by hand" }),
    ],
  },
  {
    name: "jax-js",
    label: "jax-js, wasm",
    command: fromNpm("@jax-js/jax", "jax.ts"),
    missing: NOT_INSTALLED,
    contests: [
      train(4, 1, { variant: "as its docs say", rounds: 3 }),
      train(4, 1, { variant: "as its docs say, no jit", rounds: 3 }),
      train(4, 1, { variant: "im2col and dot" }),
      train(64, 1, { variant: "im2col and dot", rounds: 5 }),
    ],
  },
  {
    name: "tfjs-cpu",
    label: "tfjs, plain JavaScript",
    command: fromNpm("@tensorflow/tfjs-backend-cpu", "tfjs.ts", "cpu"),
    missing: NOT_INSTALLED,
    contests: [train(1, 1, { variant: "as its docs say", rounds: 3 })],
  },
];
