/**
 * Times the training step and its main ops. Every result is checked before it is timed.
 * usage: npm run bench -- [--batch 4,64] [--time MILLISECONDS for each row]
 */
import { parseArgs } from "node:util";
import { Bench } from "tinybench";
import { manualSeed, nn, rand, randn, scope, type Tensor } from "wasmgrad";
import { checkConv } from "./check.ts";
import { convLayers, flopsOf, forward, shapesOf } from "./layers.ts";
import { trainStep } from "./train_step.ts";

const { values } = parseArgs({
  options: { batch: { type: "string", default: "4,64" }, time: { type: "string", default: "500" } },
});
const time = Number(values.time);
const batches = values.batch.split(",").map(Number);
if (!(time > 0) || batches.some((batch) => !Number.isInteger(batch) || batch < 1)) {
  throw new Error("usage: npm run bench -- [--batch 4,64] [--time MILLISECONDS]");
}

type Row = Record<string, string | number>;

/** Median milliseconds of `body`, each call in a scope of its own. */
function measure(body: () => unknown): number {
  const bench = new Bench({ time, warmupTime: time / 4, warmupIterations: 2, iterations: 5 });
  bench.add("", () => {
    scope(() => void body());
  });
  const [{ result }] = bench.runSync();
  if (!("latency" in result)) throw new Error(`benchmark: ${JSON.stringify(result)}`);
  return result.latency.p50;
}

const format = (milliseconds: number) => milliseconds.toFixed(milliseconds < 1 ? 3 : 2);

function row(name: string, milliseconds: number, flops?: number): Row {
  return {
    name,
    ms: format(milliseconds),
    "GFLOP/s": flops ? (flops / milliseconds / 1e6).toFixed(1) : "",
  };
}

function convRows(batch: number): Row[] {
  return convLayers.flatMap((layer) =>
    scope(() => {
      const shapes = shapesOf(layer, batch);
      const operands = Object.values(shapes).map((shape) => {
        const leaf = randn(shape);
        leaf.requiresGrad = true;
        return leaf;
      }) as [Tensor, Tensor, Tensor];
      checkConv(layer, ...operands);
      const flops = flopsOf(layer, batch);
      const constants = operands.map((leaf) => leaf.detach()) as [Tensor, Tensor, Tensor];
      const output = forward(layer, ...operands);
      const gradient = rand(output.shape);
      return [
        row(
          `${layer.name} forward`,
          measure(() => forward(layer, ...constants)),
          flops,
        ),
        row(
          `${layer.name} backward`,
          measure(() => backward(output, gradient, operands)),
          2 * flops,
        ),
      ];
    }),
  );
}

/** Gradients of all operands of a graph that is kept. */
function backward(output: Tensor, gradient: Tensor, leaves: Tensor[]): void {
  for (const leaf of leaves) leaf.grad = null;
  output.backward(gradient, { retainGraph: true });
}

function otherRows(batch: number): Row[] {
  const activations = randn([batch, 64, 32, 32]);
  const pooled = nn.functional.maxPool2d(activations, 2, { stride: 2 });
  const windows = activations.reshape([batch, 64, 16, 2, 16, 2]).max(5).values.max(3).values;
  if (pooled.sub(windows).abs().max().item() !== 0) throw new Error("maxPool2d: wrong: nothing is timed");
  return [
    row(
      `relu [${activations.shape}]`,
      measure(() => activations.relu()),
    ),
    row(
      `maxPool2d 2x2 [${activations.shape}]`,
      measure(() => nn.functional.maxPool2d(activations, 2, { stride: 2 })),
    ),
  ];
}

function matmulRow(n: number): Row {
  const [a, b] = [randn([n, n]), randn([n, n])];
  const ones = rand([n, 1]);
  const difference = a
    .matmul(b)
    .matmul(ones)
    .sub(a.matmul(b.matmul(ones)))
    .abs()
    .max()
    .item();
  if (!(difference < n * 1e-3))
    throw new Error(`matmul ${n}: (ab)x differs from a(bx) by ${difference}: nothing is timed`);
  return row(
    `matmul ${n}x${n}x${n}`,
    measure(() => a.matmul(b)),
    2 * n ** 3,
  );
}

function print(title: string, rows: Row[]): void {
  const columns = Object.keys(rows[0]);
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((r) => String(r[column]).length)));
  const line = (cells: string[]) =>
    cells.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join("  ");
  console.log(`\n${title}\n${line(columns)}`);
  for (const r of rows) console.log(line(columns.map((column) => String(r[column]))));
}

manualSeed(0);
console.log(`node ${process.version}, V8 ${process.versions.v8}; medians over at least ${time} ms a row`);
for (const batch of batches) {
  const step = trainStep(batch);
  const milliseconds = measure(step);
  print(`Training step of the inpainting autoencoder, batch ${batch}`, [
    {
      name: "forward, backward, Adam",
      ms: format(milliseconds),
      "images/s": ((batch / milliseconds) * 1000).toFixed(0),
    },
  ]);
  print(`Its ops, batch ${batch}`, [...convRows(batch), ...scope(() => otherRows(batch))]);
}
print(
  "Matrix product",
  [256, 512].map((n) => scope(() => matmulRow(n))),
);
