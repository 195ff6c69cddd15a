/**
 * Properties of a training loop, however long it runs: flat memory, no leaks when it ends early, and
 * reproducible bits.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { manualSeed, memory, nn, optim, rand, scope, setNumThreads, type Tensor } from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { inpaintingWeights } from "../support/programs/inpainting_weights.ts";
import { root } from "../support/source.ts";

const EXAMPLES = 20;
const BATCH = 4;

function setUp() {
  manualSeed(3);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 4, { kernelSize: 3, padding: 1 }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.Conv2d(4, 1, { kernelSize: 1 }),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
  const criterion = new nn.MSELoss();
  const loader = new DataLoader(new TensorDataset(rand([EXAMPLES, 1, 6, 6])), { batchSize: BATCH, shuffle: true });
  const step = (x: Tensor): number => {
    const loss = criterion.forward(model.forward(x.mul(rand(x.shape).gt(0.5))), x);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  };
  return { loader, step };
}

describe("memory", () => {
  // a small model, to save time; scripts/long_run.ts does the same with the real model
  test.each([1, 2])("10,000 steps on %i threads grow neither tensors nor memory", { timeout: 120_000 }, (threads) => {
    setNumThreads(threads);
    scope(() => {
      const { loader, step } = setUp();
      const epoch = () => {
        for (const [x] of loader) step(x);
      };
      for (let i = 0; i < 4; i++) epoch();
      const { liveTensors, liveBytes, reservedBytes } = memory();
      for (let steps = 0; steps < 10_000; steps += EXAMPLES / BATCH) epoch();
      expect(memory()).toMatchObject({ liveTensors, liveBytes, reservedBytes });
    });
  });

  test("break and a thrown error release the tensors of the loop's body", () => {
    scope(() => {
      const { loader, step } = setUp();
      for (const [x] of loader) step(x);
      const before = memory();
      for (let i = 0; i < 3; i++) {
        for (const [x] of loader) {
          step(x);
          break;
        }
        expect(() => {
          for (const [x] of loader) {
            step(x);
            throw new Error("half-way");
          }
        }).toThrow("half-way");
      }
      const { liveTensors, liveBytes, reservedBytes } = before;
      expect(memory()).toMatchObject({ liveTensors, liveBytes, reservedBytes });
    });
  });
});

describe("the same bits again", () => {
  const digest = (seed: number, threads: number): string =>
    execFileSync(
      process.execPath,
      ["--import", "tsx", "test/support/programs/train.ts", String(seed), String(threads)],
      {
        cwd: root,
        encoding: "utf8",
        env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json") },
      },
    ).trim();

  test("processes with the same seed end with the same weights on one or two threads, with another seed not", {
    timeout: 60_000,
  }, () => {
    const [first, second, other] = [digest(1, 1), digest(1, 2), digest(2, 1)];
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
  });

  test("the inpainting autoencoder has the same weights after 200 steps on 1, 2, 3 and 4 threads", {
    timeout: 300_000,
  }, async () => {
    const digests: string[] = [];
    for (const threads of [1, 2, 3, 4]) digests.push((await inpaintingWeights(200, threads)).digest);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(digests).toEqual(digests.map(() => digests[0]));
    setNumThreads(1);
  });
});
