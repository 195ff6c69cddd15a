/** The contents of a trace, and that tracing has no side effects. */
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  matmul,
  memory,
  nn,
  OptionError,
  ones,
  optim,
  rand,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  type TraceEntry,
  traceOperations as traced,
  zeros,
} from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { recorder } from "../../../src/ops/core/recorder.ts";
import { forceTile } from "../../../src/ops/matmul/tile.ts";
import { observer } from "../../../src/runtime/observer.ts";
import { runningThreads } from "../../../src/runtime/parallel/pool.ts";

const { functional: F } = nn;

const quiet = { print: false };
const trace = <T>(body: () => T) => traced(body, quiet);
const names = (entries: readonly TraceEntry[]) => entries.map(({ operation }) => operation);
const kernelsOf = ({ kernels }: TraceEntry) => kernels.map(({ name }) => name);

afterEach(() => {
  setNumThreads(1);
  expect([recorder, observer]).toEqual([undefined, undefined]);
});

describe("entries", () => {
  test("operation, pass, shapes, dtype and kernels", () => {
    const [x, labels] = [randn([2, 3]), zeros([2], { dtype: "int32" })];
    const { entries, result, ms } = trace(() => F.crossEntropy(x.add(1), labels));
    expect(result.shape).toEqual([]);
    const [add, loss] = entries;
    expect(entries).toHaveLength(2);
    expect(add).toMatchObject({
      operation: "add",
      pass: "forward",
      inputs: [{ shape: [2, 3], dtype: "float32" }, 1],
      outputs: [{ shape: [2, 3], dtype: "float32" }],
      algorithms: [],
      kernels: [{ name: "addFloat", chunks: 1, threads: 1 }],
    });
    expect(loss.inputs).toEqual([{ shape: [2, 3], dtype: "float32" }, { shape: [2], dtype: "int32" }, null]);
    expect(kernelsOf(loss)).toContain("logSumExp");
    for (const entry of entries) {
      expect(entry.ms).toBeGreaterThan(0);
      expect(entry.kernels.reduce((sum, kernel) => sum + kernel.ms, 0)).toBeLessThanOrEqual(entry.ms);
    }
    expect(add.ms + loss.ms).toBeLessThanOrEqual(ms);
  });

  test.each([
    ["winograd", [1, 32, 8, 8], [32, 32, 3, 3], {}, "winogradOutput"],
    ["winograd", [4, 16, 16, 16], [16, 16, 4, 4], { stride: 2 }, "stridedOutput"],
    ["gemm", [1, 3, 8, 8], [4, 3, 3, 3], {}, "packPixelPanels"],
    ["depthwise", [1, 8, 8, 8], [8, 1, 3, 3], { groups: 8 }, "depthwiseForward"],
  ])("conv2d by %s, forward and backward", (algorithm, input, filters, options, kernel) => {
    const [x, weight] = [input, filters].map((shape) => randn(shape, { requiresGrad: true }));
    const { entries } = trace(() => F.conv2d(x, weight, null, options).sum().backward());
    expect(entries.map(({ operation, pass }) => [operation, pass])).toEqual([
      ["conv2d", "forward"],
      ["sum", "forward"],
      ["backward", null],
      ["sum", "backward"],
      ["conv2d", "backward"],
    ]);
    const [forward, backward] = entries.filter(({ operation }) => operation === "conv2d");
    expect([forward.algorithms, backward.algorithms]).toEqual([[algorithm], [algorithm]]);
    expect(kernelsOf(forward)).toContain(kernel);
    expect(backward.inputs).toEqual(forward.outputs);
    expect(backward.outputs).toEqual(forward.inputs);
  });

  test("a layer with ReLU and pooling is one operation", () => {
    const layers = [new nn.Conv2d(8, 8, { kernelSize: 5 }), new nn.ReLU(), new nn.MaxPool2d(2, { stride: 2 })];
    const model = new nn.Sequential(...layers);
    const { entries } = trace(() => model.forward(randn([1, 8, 12, 12])));
    const [, conv] = entries;
    expect(names(entries)).toEqual(["(no operation)", "conv2d"]);
    expect(conv.algorithms).toEqual(["gemm pooled"]);
    expect(conv.outputs).toEqual([{ shape: [1, 8, 4, 4], dtype: "float32" }]);
  });

  test("the trace of a product shows how each pass was computed", () => {
    const [a, b] = [randn([64, 64]), randn([64, 64]), randn([64, 1])];
    const { entries } = trace(() => [a.matmul(b), matmul(a, ones([64, 2]))]);
    expect(entries.map(({ algorithms }) => algorithms)).toEqual([["packed"], [], ["skinny"]]);
  });

  test("kernels outside of operations are listed under the function that ran them", () => {
    const weight = new nn.Parameter(randn([5]));
    const optimizer = new optim.Adam([weight]);
    const loader = new DataLoader(new TensorDataset(randn([6, 5])), { batchSize: 3 });
    const { entries } = trace(() => {
      rand([4]);
      zeros([2]);
      for (const [x] of loader) {
        const product = x.mul(weight);
        product.add(product).sum().backward();
        optimizer.step();
      }
    });
    const step = ["DataLoader", "mul", "add", "sum", "backward", "sum", "add", "backward", "mul", "Adam.step"];
    // the second gradient of the weight is added to the first
    expect(names(entries)).toEqual(["(no operation)", ...step, ...step.slice(0, -1), "backward", "Adam.step"]);
    const [first] = entries;
    expect(first).toMatchObject({ pass: null, inputs: [], outputs: [], algorithms: [] });
    expect(kernelsOf(first)).toEqual(["randomUniform", "fillZero"]);
    expect(first.ms).toBe(first.kernels[0].ms + first.kernels[1].ms);
    expect(kernelsOf(entries.at(-1)!)).toEqual(["adamStep"]);
  });

  test("chunks, and the threads that take them", async () => {
    const x = randn([100_000]);
    const chunks = Math.ceil(100_000 / 4096);
    const kernelsWith = async (threads: number) => {
      setNumThreads(threads);
      x.sqrt(); // starts the workers, which takes a moment
      await vi.waitUntil(() => runningThreads() === threads, { timeout: 30_000 });
      return trace(() => x.sqrt()).entries[0].kernels;
    };
    expect(await kernelsWith(1)).toMatchObject([{ name: "sqrt", chunks, threads: 1 }]);
    expect(await kernelsWith(3)).toMatchObject([{ name: "sqrt", chunks, threads: 3 }]);
    expect(trace(() => ones([3]).sqrt()).entries[1].kernels).toMatchObject([{ name: "sqrt", chunks: 1, threads: 1 }]);
  });

  test("results have the same bits with and without a trace", () => {
    const x = randn([3, 40, 9, 9]);
    const weight = randn([40, 40, 3, 3]);
    const run = () => F.conv2d(x, weight, null, { padding: 1 }).softmax(1).data();
    setNumThreads(2);
    expect(trace(run).result).toEqual(run());
  });
});

function withResolvers() {
  let resolve = () => {};
  const promise = new Promise<void>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

describe("where a trace begins and ends", () => {
  const x = ones([2, 2]);

  test("nothing is recorded outside", () => {
    x.sqrt();
    const { entries } = trace(() => x.add(x));
    x.exp();
    expect(names(entries)).toEqual(["add"]);
  });

  test("nested traces: the outer one has all, the inner one its part", () => {
    let inner: readonly TraceEntry[] = [];
    const outer = trace(() => {
      ones([2]);
      inner = trace(() => {
        ones([3]);
        return x.sqrt();
      }).entries;
      ones([4]);
      return x.exp();
    });
    expect(names(inner)).toEqual(["(no operation)", "sqrt"]);
    expect(names(outer.entries)).toEqual(["(no operation)", "(no operation)", "sqrt", "(no operation)", "exp"]);
    expect(outer.entries[2]).toBe(inner[1]);
  });

  test("an error is rethrown, and ends the trace", () => {
    const fault = new Error("fault");
    const run = () =>
      trace(() => {
        x.sqrt();
        throw fault;
      });
    expect(run).toThrow(fault);
    expect(recorder).toBeUndefined();
  });

  test("an operation that throws has no output, and later kernels are not its own", () => {
    const { entries } = trace(() => {
      expect(() => x.matmul(ones([3, 3]))).toThrow("columns");
      ones([2]);
      return x.sqrt();
    });
    expect(names(entries)).toEqual(["(no operation)", "matmul", "(no operation)", "sqrt"]);
    expect(entries[1].outputs).toEqual([]);
    expect(kernelsOf(entries[3])).toEqual(["sqrt"]);
  });

  test("an error within an optimizer's step leaves the name behind", () => {
    class Faulty extends optim.SGD {
      protected override update(): void {
        throw new Error("fault");
      }
    }
    const weight = new nn.Parameter(ones([2]));
    weight.grad = ones([2]);
    const optimizer = new Faulty([weight], { lr: 1 });
    const { entries } = trace(() => {
      expect(() => optimizer.step()).toThrow("fault");
      return zeros([2]);
    });
    expect(names(entries)).toEqual(["(no operation)"]);
  });

  test("asynchronous functions, which may overlap", async () => {
    const first = withResolvers();
    const second = withResolvers();
    const a = traced(async () => {
      x.sqrt();
      await first.promise;
      x.exp();
      return "a";
    }, quiet);
    const b = traced(async () => {
      x.add(x);
      await second.promise;
      x.sub(x);
      throw new Error("b fails");
    }, quiet);
    first.resolve();
    const ended = await a;
    expect([names(ended.entries), ended.result]).toEqual([["sqrt", "add", "exp"], "a"]);
    expect(recorder).toBeDefined();
    x.abs();
    second.resolve();
    await expect(b).rejects.toThrow("b fails");
  });

  test("a trace keeps no tensor", () => {
    const before = memory().liveBytes;
    const { entries } = trace(() =>
      scope(() => {
        const y = randn([50, 50], { requiresGrad: true });
        y.matmul(y).sum().backward();
      }),
    );
    expect(names(entries)).toContain("matmul");
    expect(memory().liveBytes).toBe(before);
  });

  test("arguments are checked", () => {
    expect(() => traced("x" as never)).toThrow(OptionError);
    expect(() => traced(() => 1, { print: 1 as never })).toThrow("print expected true or false");
    expect(() => traced(() => 1, { silent: true } as never)).toThrow(OptionError);
  });
});

describe("text", () => {
  const run = (): Tensor => {
    const a = ones([64, 32]);
    return a
      .matmul(a.reshape([32, 64]))
      .gt(0)
      .sum();
  };
  const stripped = (text: string) =>
    text
      .replace(/\d+\.\d{3}/g, "0.000")
      .replace(/ +/g, " ")
      .replace(/ $/gm, "");

  test("a table, and the totals below it", () => {
    forceTile("4x8"); // a wider tile is computed by other kernels
    const text = trace(run).toString();
    forceTile("auto");
    expect(stripped(text)).toBe(
      [
        "operation inputs -> outputs dtype algorithm chunks threads ms",
        "(no operation) 0.000",
        " fillFloat 1 1 0.000",
        "reshape [64,32] -> [32,64] float32 0.000",
        "matmul [64,32] [32,64] -> [64,64] float32 packed 0.000",
        " packPanels4 1 1 0.000",
        " packPanels8 1 1 0.000",
        " gemm 1 1 0.000",
        "gt float32 [64,64] 0 -> [64,64] bool 0.000",
        " ltFloat 1 1 0.000",
        "sum bool [64,64] -> [] int32 0.000",
        " sumRowsInt 1 1 0.000",
        " roundToInt 1 1 0.000",
        "operations: 4 forward, 0 backward; kernel launches: 7; 0.000 ms, 0.000 ms of it in kernels",
      ].join("\n"),
    );
    const lines = text.split("\n").slice(0, -1);
    expect(new Set(lines.map((line) => line.length)).size, "all lines are as long").toBe(1);
  });

  test("it is printed, unless it should not be", () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      const { result } = traced(run);
      expect(result.shape).toEqual([]);
      expect(log).toHaveBeenCalledTimes(1);
      expect(stripped(log.mock.calls[0][0])).toBe(stripped(trace(run).toString()));
      expect(log).toHaveBeenCalledTimes(1);
    } finally {
      log.mockRestore();
    }
  });

  test("launches of the same kernel are combined", () => {
    const x = ones([3]);
    const total = trace(() => x.sqrt().sqrt().exp()).kernels;
    expect(Object.fromEntries(total.map(({ name, launches }) => [name, launches]))).toEqual({ sqrt: 2, exp: 1 });
    expect(total[0].ms).toBeGreaterThanOrEqual(total[1].ms);
  });
});
