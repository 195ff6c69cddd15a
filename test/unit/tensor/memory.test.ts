/** Scopes, keep, release, running out of memory, and the garbage collector as a backstop. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import {
  keep,
  memory,
  nn,
  OptionError,
  OutOfMemoryError,
  optim,
  ReleasedError,
  rand,
  resetPeakMemory,
  Scope,
  ShapeError,
  scope,
  setMemoryLimit,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { DataLoader, TensorDataset } from "wasmgrad/data";
import { exhaust } from "../../support/exhaust.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** The live tensors and bytes that `body` leaves. */
function leftBy(body: () => void): { tensors: number; bytes: number } {
  const before = memory();
  body();
  const after = memory();
  return { tensors: after.liveTensors - before.liveTensors, bytes: after.liveBytes - before.liveBytes };
}

function gradientOf(x: Tensor): Tensor {
  if (!x.grad) throw new Error("no gradient");
  return x.grad;
}

const nothing = { tensors: 0, bytes: 0 };

describe("scope", () => {
  test("a scope releases the tensors made in it", () => {
    let inner: Tensor | undefined;
    expect(
      leftBy(() => {
        scope(() => {
          inner = tensor([1, 2, 3]).relu();
          inner.sum();
        });
      }),
    ).toEqual(nothing);
    expect(inner?.released).toBe(true);
    expect(inner?.shape).toEqual([3]);
  });

  test("a scope passes a returned tensor to the surrounding scope", () => {
    expect(
      leftBy(() => {
        using outer = new Scope("outer");
        const y = scope(() => tensor([1, -2]).relu());
        expect(y.toArray()).toEqual([1, 0]);
        expect([...outer.handles]).toEqual([y.handle]);
      }),
    ).toEqual(nothing);
  });

  test("a scope passes on all tensors of a returned structure, and only these", () => {
    expect(
      leftBy(() => {
        scope(() => {
          const result = scope(() => {
            tensor([7]);
            return { a: tensor([1]), list: [tensor([2]), { deep: tensor([3]) }], label: "x", nothing: null };
          });
          expect(result.a.item()).toBe(1);
          expect((result.list[0] as Tensor).item()).toBe(2);
          expect((result.list[1] as { deep: Tensor }).deep.item()).toBe(3);
        });
      }),
    ).toEqual(nothing);
  });

  test("a scope passes on a returned gradient of a tensor that it releases", () => {
    expect(
      leftBy(() =>
        scope(() => {
          const g = scope(() => {
            const x = tensor([1, -1], { requiresGrad: true });
            x.relu().sum().backward();
            return x.grad as Tensor;
          });
          expect(g.toArray()).toEqual([1, 0]);
        }),
      ),
    ).toEqual(nothing);
  });

  test("the gradient of a tensor that survives stays with its tensor", () => {
    const x = tensor([1], { requiresGrad: true });
    scope(() => {
      scope(() => {
        x.sum().backward();
        return x.grad as Tensor;
      });
    });
    expect(x.grad?.toArray()).toEqual([1]);
    x.release();
  });

  test("a returned tensor keeps its graph", () => {
    const x = tensor([1, -2, 3], { requiresGrad: true });
    const loss = scope(() => x.relu().sum());
    loss.backward();
    expect(x.grad?.toArray()).toEqual([1, 0, 1]);
    loss.release();
    x.release();
  });

  test("an exception leaks no tensors and is rethrown", () => {
    expect(
      leftBy(() => {
        expect(() =>
          scope(() => {
            zeros([100]).relu();
            scope(() => {
              zeros([10]);
              throw new RangeError("mine");
            });
          }),
        ).toThrow(new RangeError("mine"));
      }),
    ).toEqual(nothing);
  });

  test("an op that fails half-way leaks no tensors", () => {
    expect(
      leftBy(() => {
        expect(() =>
          scope(() =>
            zeros([2, 3])
              .relu()
              .matmul(zeros([2, 3])),
          ),
        ).toThrow(ShapeError);
      }),
    ).toEqual(nothing);
  });

  test("refuses a promise that it cannot follow, and says what to write", () => {
    expect(() => scope(() => Promise.resolve(zeros([2])))).toThrow(
      /scope: .* it returned a Promise; write scope\(async/,
    );
  });

  test("a scope of an async function follows it: overlapping tasks keep their tensors apart", async () => {
    const before = memory().liveTensors;
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const task = (i: number) =>
      scope(async () => {
        const x = zeros([4]).add(i);
        await pause((i * 7) % 5);
        const loader = new DataLoader(new TensorDataset(tensor([[1], [2], [3]])), { batchSize: 1 });
        let sum = x.mean();
        for (const [batch] of loader) {
          const inner = new Scope("abandoned"); // closes with the iteration, and with no other
          expect(inner.closed).toBe(false);
          await pause((i * 3) % 4);
          sum = keep(sum.add(batch.sum()));
        }
        await pause((i * 5) % 6);
        return { mean: x.mean(), sum };
      });
    const results = await Promise.all(Array.from({ length: 200 }, (_, i) => task(i)));
    expect(results.map(({ mean, sum }) => [mean.item(), sum.item()])).toEqual(results.map((_, i) => [i, i + 6]));
    for (const { mean, sum } of results) for (const t of [mean, sum]) t.release();
    // the sums of the loops, which were kept
    expect(memory().liveTensors - before).toBeLessThanOrEqual(3 * 200);
  });

  // each program in a separate process, in which nothing else has opened a scope; without Node's
  // modules it is as in a browser
  describe.each([
    ["Node", []],
    ["a browser", ["--import", "data:text/javascript,process.getBuiltinModule = undefined"]],
  ])("in %s", (runtime, flags) => {
    const run = (body: string) => {
      const program = `import { Scope, keep, rand, scope, tensor } from "wasmgrad";
        import { DataLoader, TensorDataset } from "wasmgrad/data";
        const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        const loader = () => new DataLoader(new TensorDataset(tensor([[1], [2], [3]], { dtype: "float32" })));
        const loop = async (ms, add) => {
          const sums = [];
          for (const [batch] of loader()) {
            const y = batch.add(add);
            await pause(ms);
            sums.push(scope(() => y.mul(2)).item());
          }
          return sums;
        };
        ${body}`;
      const args = [...flags, "--input-type=module", "--eval", program];
      return execFileSync(process.execPath, args, { encoding: "utf8" }).trim();
    };

    test("loops over loaders overlap", () => {
      expect(run("console.log(JSON.stringify(await Promise.all([loop(5, 0), loop(1, 1), loop(3, 2)])));")).toBe(
        "[[2,4,6],[4,6,8],[6,8,10]]",
      );
    });

    test("tensors that other code makes while such a loop waits are not released", () => {
      const ways = ["rand([2])", "scope(() => rand([2]).sub(1))"];
      if (runtime === "Node") ways.push("scope(async () => rand([2]).sub(1))");
      for (const make of ways) {
        expect(
          run(`const running = loop(4, 0);
            const early = ${make};
            await pause(1);
            const late = ${make};
            await running;
            console.log((await early).released, (await late).released);`),
        ).toBe("false false");
      }
    });

    test("what a turn makes is released at its end, but for the first turn that waits, and in browsers what comes after the wait", () => {
      expect(
        run(`const before = [], after = [];
          for (const _ of loader()) {
            before.push(rand([2]), scope(() => rand([2])));
            await pause(1);
            after.push(rand([2]), scope(() => rand([2])));
            console.log([...before.slice(-2), ...after.slice(-2)].some((x) => x.released));
          }
          console.log(before.slice(2).every((x) => x.released), after.slice(2).every((x) => x.released));`),
      ).toBe(`false\nfalse\nfalse\ntrue ${runtime === "Node"}`);
    });
  });

  test("a scope of an async function that fails closes, and the error is rethrown", async () => {
    let x: Tensor | undefined;
    const failing = scope(async () => {
      x = zeros([1]);
      await null;
      throw new RangeError("theirs");
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(x?.released).toBe(true);
  });

  test("Scope.run enters a scope that is not open for others", async () => {
    const request = new Scope("a request", { enter: false });
    const outside = zeros([1]);
    const inside = request.run(() => zeros([1]));
    await request.run(async () => {
      await null;
    });
    expect(request.run(() => scope(() => inside.add(1))).item()).toBe(1);
    request.close();
    expect([outside.released, inside.released]).toEqual([false, true]);
    expect(() => request.run(() => 1)).toThrow(/a request is closed/);
    outside.release();
  });

  test("closing the outer one closes those left open inside", () => {
    expect(
      leftBy(() => {
        const outer = new Scope("outer");
        const inner = new Scope("inner");
        const innermost = new Scope("innermost");
        const x = zeros([4]);
        outer.close();
        expect([outer.closed, inner.closed, innermost.closed, x.released]).toEqual([true, true, true, true]);
        inner.close(); // harmless
        innermost.close();
      }),
    ).toEqual(nothing);
  });

  test("using a tensor after an outer scope closed its scope is an error that says so", () => {
    const first = new Scope("task A");
    new Scope("task B");
    const x = zeros([4]);
    first.close();
    expect(() => x.relu()).toThrow("release by the end of task A, inside of which task B was opened and not closed");
  });

  test("closing the inner one leaves the outer open", () => {
    const outer = new Scope("outer");
    const a = zeros([1]);
    const inner = new Scope("inner");
    const b = zeros([1]);
    inner.close();
    const c = zeros([1]);
    expect([a.released, b.released, c.released]).toEqual([false, true, false]);
    outer.close();
    expect([a.released, c.released]).toEqual([true, true]);
  });

  test("using: a scope and a tensor end with their block", () => {
    expect(
      leftBy(() => {
        using _scope = new Scope();
        zeros([5]);
      }),
    ).toEqual(nothing);
    expect(
      leftBy(() => {
        using x = zeros([5]);
        expect(x.released).toBe(false);
      }),
    ).toEqual(nothing);
  });
});

describe("keep", () => {
  test("keep takes a tensor out of all surrounding scopes", () => {
    let kept: Tensor | undefined;
    scope(() =>
      scope(() => {
        kept = keep(tensor([1, 2]));
      }),
    );
    expect(kept?.toArray()).toEqual([1, 2]);
    kept?.release();
  });

  test("a kept gradient survives zeroGrad, another does not", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    x.sum().backward();
    const first = gradientOf(x);
    x.grad = null;
    expect(first.released).toBe(true);
    x.sum().backward();
    const second = keep(gradientOf(x));
    x.grad = null;
    expect(second.toArray()).toEqual([1, 1]);
    x.sum().backward();
    expect(x.grad).not.toBe(second);
    second.release();
    x.release();
  });

  test("keep refuses values that are not tensors", () => {
    for (const wrong of [5, null, {}]) expect(() => keep(wrong as never)).toThrow(OptionError);
  });

  test("refuses a released tensor", () => {
    const x = zeros([1]);
    x.release();
    expect(() => keep(x)).toThrow(ReleasedError);
  });
});

describe("what outlives a scope by itself", () => {
  test("parameters, buffers and gradients", () => {
    class Net extends nn.Module {
      weight = new nn.Parameter(tensor([1, -1]));
      mean = this.registerBuffer("mean", tensor([5]));
      forward(): Tensor {
        return this.weight.relu().sum();
      }
    }
    const net = scope(() => {
      const made = new Net();
      made.forward().backward();
      return made;
    });
    expect(net.weight.toArray()).toEqual([1, -1]);
    expect(net.mean.toArray()).toEqual([5]);
    expect(net.weight.grad?.toArray()).toEqual([1, 0]);
  });

  test("a gradient goes with its tensor", () => {
    let x: Tensor | undefined;
    expect(
      leftBy(() =>
        scope(() => {
          x = tensor([1], { requiresGrad: true });
          x.relu().backward();
        }),
      ),
    ).toEqual(nothing);
    expect(x?.grad?.released).toBe(true);
  });
});

describe("use after release", () => {
  test("says what released the tensor, its shape, and how to keep it", () => {
    const released = (make: () => Tensor | undefined) => {
      try {
        make()?.data();
        return "no error";
      } catch (error) {
        expect(error).toBeInstanceOf(ReleasedError);
        return (error as Error).message;
      }
    };
    const hint = "To keep a tensor longer, call keep(tensor), or return it from scope().";
    const text = (by: string) => `a tensor of shape [2,3] was used after its release by ${by}. ${hint}`;
    const inScope = () => {
      let x: Tensor | undefined;
      scope(() => {
        x = zeros([2, 3]);
      });
      return x;
    };
    expect(released(inScope)).toBe(text("the end of scope()"));
    const inNamedScope = () => {
      using _batch = new Scope("batch 7");
      return zeros([2, 3]);
    };
    expect(released(inNamedScope)).toBe(text("the end of batch 7"));
    const byHand = () => {
      const x = zeros([2, 3]);
      x.release();
      x.release(); // twice is harmless
      return x;
    };
    expect(released(byHand)).toBe(text("release()"));
    const byUsing = () => {
      using x = zeros([2, 3]);
      return x;
    };
    expect(released(byUsing)).toBe(text("the end of its `using` block"));
  });

  test.each<[string, (x: Tensor) => unknown]>([
    ["item", (x) => x.item()],
    ["toArray", (x) => x.toArray()],
    ["an op", (x) => x.relu()],
    ["detach", (x) => x.detach()],
    ["backward", (x) => x.backward()],
    ["copy_ to it", (x) => x.copy_(zeros([1]))],
    ["copy_ from it", (x) => zeros([1]).copy_(x)],
  ])("%s", (_what, use) => {
    const x = zeros([1], { requiresGrad: true });
    x.release();
    expect(() => use(x)).toThrow(ReleasedError);
  });

  test("shared memory stays until its last owner releases it", () => {
    const x = tensor([1, 2, 3]);
    const y = x.detach();
    x.release();
    expect(y.toArray()).toEqual([1, 2, 3]);
    y.release();
  });
});

test("memory(): live tensors, bytes, peak", () => {
  scope(() => {
    const before = memory();
    resetPeakMemory();
    const x = zeros([1000]);
    const during = memory();
    expect(during.liveTensors - before.liveTensors).toBe(1);
    expect(during.liveBytes - before.liveBytes).toBeGreaterThanOrEqual(4000);
    expect(during.liveBytes - before.liveBytes).toBeLessThanOrEqual(4000 * 1.25 + 64);
    x.release();
    expect(memory().liveBytes).toBe(before.liveBytes);
    expect(memory().peakBytes).toBe(during.liveBytes);
    resetPeakMemory();
    expect(memory().peakBytes).toBe(before.liveBytes);
    expect(memory().reservedBytes).toBeGreaterThanOrEqual(during.liveBytes);
  });
});

test("memory does not grow in a steady loop", () => {
  const w = tensor([0.5, -0.5], { requiresGrad: true });
  const step = () =>
    scope(() => {
      w.grad = null;
      w.relu().sum().backward();
    });
  for (let i = 0; i < 3; i++) step();
  const before = memory();
  for (let i = 0; i < 5000; i++) step();
  const after = memory();
  expect(after.liveTensors).toBe(before.liveTensors);
  expect(after.liveBytes).toBe(before.liveBytes);
  expect(after.reservedBytes).toBe(before.reservedBytes);
  w.release();
});

describe("out of memory", () => {
  afterEach(() => setMemoryLimit(4 * GIB));

  test("is a clear error; live tensors are intact, and memory released can be used again", () => {
    scope(() => {
      const intact = tensor(Float32Array.from({ length: 1000 }, (_, i) => i));
      setMemoryLimit(memory().reservedBytes + 8 * MIB);
      exhaust(); // the garbage of earlier tests
      const blocks: Tensor[] = [];
      const before = () => memory().liveTensors;
      let live = 0;
      const fill = () => {
        for (;;) {
          live = before();
          blocks.push(zeros([MIB / 4]));
        }
      };
      expect(fill).toThrow(OutOfMemoryError);
      expect(memory().liveTensors).toBe(live);
      expect(() => zeros([MIB / 4])).toThrow(/out of memory: 1048576 bytes asked for, .* limit \d+ bytes/);
      expect([...intact.data()]).toEqual(Array.from({ length: 1000 }, (_, i) => i));
      const count = blocks.length;
      expect(count).toBeGreaterThanOrEqual(8);
      for (const block of blocks.splice(0)) block.release();
      // the same room again, though cut differently
      for (let i = 0; i < count / 2 - 1; i++) blocks.push(zeros([MIB / 2]));
      expect([...intact.data()]).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    });
  });

  test("more than 4 GiB at once", () => {
    for (const size of [2 ** 30, 2 ** 30 + 1, 2 ** 31 - 1, 2 ** 40]) {
      expect(() => zeros([size])).toThrow(OutOfMemoryError);
    }
  });

  test("an op that runs out of memory half-way leaves no tensors", () => {
    scope(() => {
      const x = zeros([4 * MIB]);
      setMemoryLimit(Math.max(memory().reservedBytes, 64 * MIB));
      const fill: Tensor[] = [];
      expect(() => {
        for (;;) fill.push(zeros([4 * MIB]));
      }).toThrow(OutOfMemoryError);
      const before = memory();
      expect(() => x.relu()).toThrow(OutOfMemoryError);
      expect(memory().liveBytes).toBe(before.liveBytes);
      expect(memory().liveTensors).toBe(before.liveTensors);
      fill.pop()?.release();
      expect(x.relu().shape).toEqual([4 * MIB]);
    });
  });

  test.each([0, -1, Number.NaN, 2 ** 33])("setMemoryLimit(%s) is refused", (bytes) => {
    expect(() => setMemoryLimit(bytes)).toThrow(OptionError);
  });
});

test("the garbage collector releases tensors that no scope owns, their graphs and kept gradients", () => {
  const script = fileURLToPath(new URL("../../support/finalizer_child.ts", import.meta.url));
  const output = execFileSync(process.execPath, ["--expose-gc", "--import", "tsx", script], { encoding: "utf8" });
  expect(JSON.parse(output)).toEqual({ madeTensors: 407, leftTensors: 4, survivor: [1, 2], gradient: [1, 0] });
}, 30_000);

test("garbage outside every scope comes back: in a loop without a turn of the event loop, with one, and as models that nobody has any more", () => {
  const script = fileURLToPath(new URL("../../support/garbage_child.ts", import.meta.url));
  const output = execFileSync(process.execPath, ["--import", "tsx", script], { encoding: "utf8" });
  const { error, reservedMiB, full, ...loops } = JSON.parse(output);
  expect(loops).toEqual({
    synchronous: 3,
    microtasks: 3,
    models: true,
    modelsInScope: true,
    kept: 3,
    afterwards: 3,
  });
  expect(error).toMatch(/belong to no scope.* use scope\(\).*Most live bytes were made .*garbage_child\.ts:\d+/);
  expect(reservedMiB).toBeLessThan(600); // 1,200 MiB were made
  expect(full).toMatch(/out of memory: .* The last 20 searches for garbage found next to none/);
}, 180_000);

test("release() of a module or an optimizer releases all tensors that it holds", () => {
  scope(() => {
    const before = memory().liveBytes;
    {
      using model = new nn.Sequential(new nn.Linear(8, 8), new nn.BatchNorm1d(8));
      using optimizer = new optim.Adam(model.parameters());
      scope(() =>
        model
          .forward(rand([4, 8]))
          .square()
          .mean()
          .backward(),
      );
      optimizer.step();
      expect(memory().liveBytes).toBeGreaterThan(before);
    }
    expect(memory().liveBytes).toBe(before);
  });
});

test("scope() hands on tensors in Maps, Sets, instances and cycles, and is not fooled by a key named handle", () => {
  class Pair {
    readonly first: Tensor;
    constructor(first: Tensor) {
      this.first = first;
    }
  }
  const result = scope(() => {
    const [a, b, c, d, e] = [1, 2, 3, 4, 5].map((value) => tensor([value]));
    const found: Record<string, unknown> = {
      handle: a,
      map: new Map<unknown, unknown>([[b, [c]]]),
      set: new Set([d]),
      pair: Object.assign(Object.create(null), { pair: new Pair(e) }),
    };
    found.self = found;
    let deep: unknown[] = [tensor([6])];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    return { found, deep, all: [a, b, c, d, e] };
  });
  expect(result.all.map((t) => t.item())).toEqual([1, 2, 3, 4, 5]);
  let deep: unknown = result.deep;
  while (Array.isArray(deep)) deep = deep[0];
  expect((deep as Tensor).item()).toBe(6);
  const separate = scope(() => ({
    handle: tensor([7]),
    map: new Map([["x", tensor([8])]]),
    set: new Set([tensor([9])]),
  }));
  expect([separate.handle, separate.map.get("x"), ...separate.set].map((t) => t?.item())).toEqual([7, 8, 9]);
});
