/** The targets that the project has set, and whether the latest measurement meets them. */
import type { Results } from "../lib/results.ts";
import { percent } from "../lib/table.ts";
import type { BatchRow } from "../suites/batches.ts";
import type { ConvRow } from "../suites/conv.ts";
import type { OpRow } from "../suites/ops.ts";
import type { StartupRow } from "../suites/startup.ts";
import type { StepRow } from "../suites/step.ts";
import type { ThreadRow } from "../suites/threads.ts";
import type { VanishedRow } from "../suites/vanished.ts";
import type { ContestRow } from "../versus/contest.ts";
import type { Contest } from "../versus/peers.ts";

export type ReadRows = <Row>(suite: string) => readonly Row[] | undefined;

export interface Target {
  what: string;
  target: number;
  stretch: number;
  /** True if higher is better. */
  atLeast: boolean;
  format: (value: number) => string;
  /** Undefined if it was not measured. */
  measured: number | undefined;
}

const times = (value: number) => `${value.toFixed(2)} x`;
const milliseconds = (value: number) => `${value.toFixed(1)} ms`;

function worst(values: readonly number[] | undefined, of: (...values: number[]) => number): number | undefined {
  return values?.length ? of(...values) : undefined;
}

/** The targets, in the order of the table. */
export function targets(read: ReadRows): Target[] {
  const faster = (what: string, peer: string, wanted: Contest, target: number, stretch: number): Target => {
    const rows = read<ContestRow>(`versus_${peer}`);
    const row = rows?.find(
      ({ kind, batch, threads, variant }) =>
        kind === wanted.kind && batch === wanted.batch && threads === wanted.threads && variant === wanted.variant,
    );
    return { what, target, stretch, atLeast: true, format: times, measured: row?.faster?.median };
  };
  const models = read<ContestRow>("versus_pytorch_models");
  const network = (
    what: string,
    names: readonly string[],
    target: number,
    stretch: number,
    precision?: "fast",
  ): Target => ({
    what: `training steps of ${what} vs PyTorch's fastest way, 1 thread each (the slowest)`,
    target,
    stretch,
    atLeast: true,
    format: times,
    measured: worst(
      models
        ?.filter((row) => names.includes(row.model!) && row.precision === precision && row.faster)
        .map((row) => row.faster!.median),
      Math.min,
    ),
  });
  const train = (batch: number, threads: number, variant?: string): Contest => ({
    kind: "train",
    batch,
    threads,
    variant,
  });
  const operations = read<ContestRow>("versus_pytorch_operations");
  const operation = (name: string): Target => ({
    what: `${name} with backward vs PyTorch, 1 thread each`,
    target: 0.6,
    stretch: 1,
    atLeast: true,
    format: times,
    measured: operations?.find(({ model }) => model === name)?.faster?.median,
  });
  /** The slowest of the operations whose names begin with one of these words, with and without gradients. */
  const slowest = (words: readonly string[], target: number, precision?: "fast"): Target => {
    const rows = operations?.filter((row) => row.precision === precision && words.includes(row.model!.split(" ")[0]));
    return {
      what: `${words.join(", ")}${precision ? ", fast" : ""}: the slowest, vs PyTorch, 1 thread each`,
      target,
      stretch: 1,
      atLeast: true,
      format: times,
      measured: worst(
        rows?.flatMap(({ faster }) => (faster ? [faster.median] : [])),
        Math.min,
      ),
    };
  };
  const forward = (batch: number): Contest => ({ kind: "forward", batch, threads: 1 });
  const products = read<OpRow>("ops")?.filter(({ shape }) => /^\[(512,512|1024,1024)\] \[\1\]$/.test(shape));
  const convolutions = read<ConvRow>("conv")?.filter(
    ({ layer, batch }) => layer.startsWith("conv 64->128") && batch === 16,
  );
  const flat = read<BatchRow>("batches")?.filter(({ threads, batch }) => threads === 1 && batch >= 16);
  const perImage = flat?.map(({ relative }) => relative.median);
  const spread = perImage?.length ? Math.max(...perImage) / Math.min(...perImage) - 1 : undefined;
  const threads = read<ThreadRow>("threads")?.find((row) => row.threads === 2 && row.batch === 64);
  const startup = read<StartupRow>("startup")?.find(({ name }) => name === "import and first tensor");
  return [
    faster("training step vs PyTorch, batch 4, 1 thread each", "pytorch", train(4, 1), 1.6, 2),
    faster("the same, 2 threads each", "pytorch", train(4, 2), 2, 2.5),
    faster("training step vs PyTorch, batch 64, 1 thread each", "pytorch", train(64, 1), 1.4, 1.6),
    faster("the same, 2 threads each", "pytorch", train(64, 2), 1.7, 2),
    faster("training step vs tfjs-wasm with gradients by hand, batch 4", "tfjs-wasm", train(4, 1, "by hand"), 6, 8),
    faster("forward vs onnxruntime-web, batch 4", "onnxruntime-web", forward(4), 3, 4),
    faster("forward vs onnxruntime-web, batch 64", "onnxruntime-web", forward(64), 3, 4),
    faster("forward vs onnxruntime-node (native), batch 64", "onnxruntime-node", forward(64), 0.8, 1),
    network("ResNet-18, U-Net, MobileNetV2", ["resnet18", "unet", "mobilenetv2"], 1, 1.3),
    network("DCGAN", ["dcgan"], 0.8, 1),
    network("ViT and GPT", ["vit", "gpt"], 0.55, 0.65),
    network("ViT and GPT, fast", ["vit", "gpt"], 0.7, 0.85, "fast"),
    ...["causal attention", "gelu", "softmax", "layerNorm"].map(operation),
    slowest(["LSTM", "GRU"], 0.6),
    slowest(["LSTM", "GRU"], 0.6, "fast"),
    slowest(["cumsum", "topk", "sort", "indexAdd", "maskedSelect", "gridSample"], 0.5),
    {
      what: "matrix product 512³ and 1024³, share of the arithmetic ceiling (the lower one)",
      target: 0.85,
      stretch: 0.95,
      atLeast: true,
      format: percent,
      measured: worst(
        products?.map(({ share }) => share.median),
        Math.min,
      ),
    },
    {
      what: "conv 3x3 64→128 on 16x16, batch 16, the slowest pass",
      target: 125,
      stretch: 140,
      atLeast: true,
      format: (value) => `${value.toFixed(0)} GFLOP/s`,
      measured: worst(
        convolutions?.map(({ rate }) => rate),
        Math.min,
      ),
    },
    {
      what: "step time over the sum of its kernels' times (the larger of batch 4 and 64)",
      target: 1.1,
      stretch: 1.05,
      atLeast: false,
      format: (value) => value.toFixed(3),
      measured: worst(
        read<StepRow>("step")?.map(({ overhead }) => overhead.median),
        Math.max,
      ),
    },
    {
      what: "an optimizer's step after 3,000 steps of zero gradients over a fresh one (the slowest optimizer)",
      target: 1.1,
      stretch: 1.1,
      atLeast: false,
      format: (value) => value.toFixed(2),
      measured: worst(
        read<VanishedRow>("vanished")?.map(({ slower }) => slower.median),
        Math.max,
      ),
    },
    {
      what: "two threads over one, training step, batch 64",
      target: 1.8,
      stretch: 1.95,
      atLeast: true,
      format: times,
      measured: threads?.faster?.median,
    },
    {
      what: "time per image, batch 16 to 256: the slowest is slower than the fastest by",
      target: 0.1,
      stretch: 0.1,
      atLeast: false,
      format: percent,
      measured: spread,
    },
    {
      what: "import and first tensor",
      target: 30,
      stretch: 15,
      atLeast: false,
      format: milliseconds,
      measured: startup?.ms,
    },
  ];
}

export function verdict({ measured, target, stretch, atLeast }: Target): string {
  if (measured === undefined) return "not measured";
  const reaches = (goal: number) => (atLeast ? measured >= goal : measured <= goal);
  if (!reaches(target)) return "missed";
  return stretch !== target && reaches(stretch) ? "met, with stretch" : "met";
}

/** `{suite: rows}` of a folder of results. */
export function rowsOf(results: (suite: string) => Results<unknown> | undefined): ReadRows {
  return <Row>(suite: string) => results(suite)?.rows as readonly Row[] | undefined;
}
