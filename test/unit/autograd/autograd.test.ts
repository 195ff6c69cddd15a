/** The graph: what it records, which gradients flow back, and which calls it refuses. */
import { describe, expect, test } from "vitest";
import {
  AutogradError,
  DTypeError,
  enableGrad,
  isGradEnabled,
  keep,
  memory,
  noGrad,
  OptionError,
  ones,
  ShapeError,
  scope,
  Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import type { NDArray } from "../../../src/ops/core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../../../src/ops/core/op.ts";
import { cloneArray } from "../../../src/ops/movement/copy.ts";
import { apply } from "../../../src/tensor/apply.ts";

const leafOf = (values: number[]) => tensor(values, { requiresGrad: true });
const gradOf = (x: Tensor) => x.grad?.toArray() ?? null;

/**
 * y = a, with dy as the gradient of both inputs. It counts how often it ran backward, and for which inputs.
 */
class Spy extends Op {
  readonly name = "spy";
  backwardRuns = 0;
  asked: readonly boolean[] = [];

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(a: NDArray, _b: NDArray): NDArray {
    return cloneArray(a);
  }

  override backward(dy: NDArray): Gradients {
    this.backwardRuns++;
    this.asked = this.needs;
    return [this.needs[0] ? cloneArray(dy) : null, this.needs[1] ? cloneArray(dy) : null];
  }
}

describe("accumulation", () => {
  test("gradients of two backward passes are added; null starts again", () => {
    const x = leafOf([1, 2, 3]);
    x.square().sum().backward();
    expect(gradOf(x)).toEqual([2, 4, 6]);
    x.mul(10).sum().backward();
    expect(gradOf(x)).toEqual([12, 14, 16]);
    x.grad = null;
    expect(x.grad).toBe(null);
    x.sum().backward();
    expect(gradOf(x)).toEqual([1, 1, 1]);
  });

  test("a gradient with a detached view that the user holds is not overwritten", () => {
    const x = leafOf([1, 2]);
    x.sum().backward();
    const before = (x.grad as Tensor).detach();
    x.sum().backward();
    expect(before.toArray()).toEqual([1, 1]);
    expect(gradOf(x)).toEqual([2, 2]);
  });

  test("a gradient that the user passed is not overwritten", () => {
    const x = leafOf([1, 2]);
    const given = tensor([3, 4]);
    x.backward(given);
    x.backward(given);
    expect(given.toArray()).toEqual([3, 4]);
    expect(gradOf(x)).toEqual([6, 8]);
  });

  test("leaves that share one incoming gradient each get their own copy", () => {
    const a = leafOf([1, 2]);
    const b = leafOf([3, 4]);
    a.add(b).sum().backward();
    a.sum().backward();
    expect([gradOf(a), gradOf(b)]).toEqual([
      [2, 2],
      [1, 1],
    ]);
  });
});

describe("who holds a gradient", () => {
  test("the gradient of another tensor is shared, and each may forget it", () => {
    const [a, b] = [leafOf([1]), leafOf([2])];
    b.mul(3).backward();
    a.grad = b.grad;
    b.grad = null;
    expect(gradOf(a)).toEqual([3]);
    b.grad = a.grad;
    a.release();
    expect(gradOf(b)).toEqual([3]);
  });

  test("it stays the same tensor if another one shares its memory and keeps the old values", () => {
    const x = leafOf([1, 2]);
    x.mul(2).sum().backward();
    const { grad } = x;
    const view = grad!.detach();
    x.mul(3).sum().backward();
    expect(x.grad).toBe(grad);
    expect([grad!.toArray(), view.toArray()]).toEqual([
      [5, 5],
      [2, 2],
    ]);
  });

  test("a gradient passed to backward does not change while others are added", () => {
    const [x, w] = [leafOf([1]), leafOf([2])];
    x.mul(2).backward();
    // x's node runs first; w's node still needs the given gradient
    const z = w.mul(10);
    x.mul(3).add(z).backward(x.grad!);
    expect([gradOf(x), gradOf(w)]).toEqual([[8], [20]]);
  });
});

describe("graphs", () => {
  test("a tensor used twice by one op", () => {
    const x = leafOf([2, 3]);
    x.mul(x).add(x).sum().backward();
    expect(gradOf(x)).toEqual([5, 7]);
  });

  test("paths that diverge and meet again at different depths add their gradients", () => {
    const x = leafOf([1, 2]);
    const shared = x.mul(3);
    const left = shared.square();
    const right = shared.add(1).mul(shared).mul(2);
    // f = 9x² + 2(9x² + 3x), f' = 54x + 6
    left.add(right).sum().backward();
    expect(gradOf(x)).toEqual([60, 114]);
  });

  test("a lattice of 2^30 paths takes 30 steps", () => {
    const x = leafOf([1]);
    let y: Tensor = x;
    for (let i = 0; i < 30; i++) y = y.add(y);
    y.backward();
    expect(gradOf(x)).toEqual([2 ** 30]);
  });

  test("100,000 ops deep: no stack overflows, in backward or in release", () => {
    const depth = 100_000;
    const before = memory().liveBytes;
    scope(() => {
      const x = leafOf([1]);
      let y: Tensor = x;
      for (let i = 0; i < depth; i++) y = y.add(1);
      y.backward();
      expect(gradOf(x)).toEqual([1]);
      let z: Tensor = x;
      for (let i = 0; i < depth; i++) z = z.relu();
      // the graph is released with its scope, without ever having run
    });
    expect(memory().liveBytes).toBe(before);
  }, 30_000);

  test("a part of a graph may be used again if its saved tensors are kept", () => {
    const x = leafOf([1, 2]);
    const y = x.square();
    const loss = y.sum();
    loss.backward(undefined, { retainGraph: true });
    loss.backward(undefined, { retainGraph: true });
    loss.backward();
    expect(gradOf(x)).toEqual([6, 12]);
  });

  test("non-leaves have no grad, and leaves still get theirs", () => {
    const x = leafOf([1, 2]);
    const y = x.mul(2);
    y.sum().backward();
    expect([y.isLeaf, y.requiresGrad, y.grad]).toEqual([false, true, null]);
    expect([x.isLeaf, gradOf(x)]).toEqual([true, [2, 2]]);
  });

  test("intermediate tensors may be released before backward", () => {
    const x = leafOf([1, -2, 3]);
    const y = x.relu();
    const z = y.square();
    const loss = z.sum();
    y.release();
    z.release();
    loss.backward();
    expect(gradOf(x)).toEqual([2, 0, 6]);
  });

  test("a leaf whose scope ended is skipped, the others get their gradients", () => {
    const x = leafOf([1, 2]);
    const loss = scope(() => leafOf([3, 4]).mul(x).sum());
    loss.backward();
    expect(gradOf(x)).toEqual([3, 4]);
  });
});

describe("a second backward", () => {
  test("is refused if a saved tensor is gone, and the error says what to do", () => {
    const loss = leafOf([1, 2]).square().sum();
    loss.backward();
    expect(() => loss.backward()).toThrow(AutogradError);
    expect(() => loss.backward()).toThrow(/already released by an earlier backward\(\); pass \{ retainGraph: true \}/);
  });

  test("is refused through a shared part that saved a tensor", () => {
    const y = leafOf([1, 2]).square();
    y.sum().backward();
    expect(() => y.mean().backward()).toThrow(AutogradError);
  });

  test("is allowed if nothing was saved, as in PyTorch", () => {
    const x = leafOf([1, 2]);
    const y = x.add(1);
    y.sum().backward();
    y.sum().backward();
    expect(gradOf(x)).toEqual([2, 2]);
  });

  test("backward releases what the graph saved, retainGraph keeps it", () => {
    scope(() => {
      const x = ones([1000], { requiresGrad: true });
      const loss = x.square().square().square().sum(); // both inner squares are only held by the graph
      x.grad = zeros([1000]);
      const before = memory().liveBytes;
      loss.backward(undefined, { retainGraph: true });
      expect(memory().liveBytes).toBe(before);
      loss.backward();
      const y = x.square();
      const saved = y.square();
      y.release();
      const held = memory().liveBytes;
      saved.sum().backward();
      expect(memory().liveBytes).toBeLessThan(held - 3500);
    });
  });
});

test("boolean options accept only true and false", () => {
  const x = leafOf([1]);
  expect(() => {
    x.requiresGrad = "no" as never;
  }).toThrow('requiresGrad: value expected true or false, got "no"');
  expect(() => x.mul(2).backward(undefined, { retainGraph: "yes" as never })).toThrow(OptionError);
  expect([x.requiresGrad, x.grad]).toEqual([true, null]);
});

describe("backward(gradient)", () => {
  test.each<[string, unknown]>([
    ["options", { retainGraph: true }],
    ["a number", 1],
  ])("%s in place of a gradient", (_name, wrong) => {
    expect(() =>
      leafOf([1])
        .mul(2)
        .backward(wrong as Tensor),
    ).toThrow(/backward: gradient expected a tensor, got/);
    expect(() => {
      leafOf([1]).grad = wrong as Tensor;
    }).toThrow(/grad: expected a tensor or null, got/);
  });

  test("a leaf's gradient has separate memory", () => {
    const x = leafOf([0, 0, 0]);
    const g = ones([3]);
    x.backward(g);
    x.grad!.copy_(zeros([3]));
    expect(g.toArray()).toEqual([1, 1, 1]);
  });

  test("weighs the elements", () => {
    const x = leafOf([1, 2, 3]);
    x.square().backward(tensor([1, 10, 100]));
    expect(gradOf(x)).toEqual([2, 40, 600]);
  });

  test("is needed for more than one element, and must have the same shape and dtype", () => {
    const y = leafOf([1, 2, 3]).square();
    expect(() => y.backward()).toThrow(ShapeError);
    expect(() => y.backward()).toThrow("backward: a gradient must be given for a tensor of shape [3]");
    expect(() => y.backward(ones([1, 3]))).toThrow("backward: gradient expected shape [3], got [1,3]");
    expect(() => y.backward(ones([4]))).toThrow(ShapeError);
    expect(() => y.backward(zeros([3], { dtype: "int32" }))).toThrow(DTypeError);
    y.backward(ones([3])); // nothing was lost
  });

  test("refuses a tensor without a graph, and unknown options", () => {
    expect(() => tensor([1]).backward()).toThrow(AutogradError);
    expect(() =>
      leafOf([1])
        .square()
        .backward(undefined, { retain: true } as object),
    ).toThrow(OptionError);
  });

  test("an empty tensor", () => {
    const x = zeros([0, 3], { requiresGrad: true });
    x.square().sum().backward();
    expect(x.grad?.shape).toEqual([0, 3]);
  });

  test("starts at a leaf", () => {
    const x = leafOf([5]);
    x.backward();
    expect(gradOf(x)).toEqual([1]);
  });
});

describe("only what is needed", () => {
  test("an op computes only the gradients that are needed", () => {
    const spy = new Spy();
    const wanted = leafOf([1, 2]);
    apply(spy, tensor([1, 2]), wanted)
      .sum()
      .backward();
    expect(spy.asked).toEqual([false, true]);
    expect(gradOf(wanted)).toEqual([1, 1]);
  });

  test("nothing runs backward above a frozen part, and nothing is recorded for it", () => {
    const frozen = new Spy();
    const trained = new Spy();
    const w = leafOf([1, 2]);
    const features = apply(frozen, tensor([1, 2]), tensor([3, 4]));
    expect([features.requiresGrad, features.isLeaf]).toEqual([false, true]);
    apply(trained, w, features).sum().backward();
    expect([frozen.backwardRuns, trained.backwardRuns]).toEqual([0, 1]);
  });

  test("parts of the graph that the loss does not reach do not run", () => {
    const spy = new Spy();
    const x = leafOf([1, 2]);
    apply(spy, x, x);
    x.sum().backward();
    expect(spy.backwardRuns).toBe(0);
  });

  test("comparisons carry no gradient", () => {
    const x = leafOf([1, -1]);
    expect(x.gt(0).requiresGrad).toBe(false);
    x.mul(x.gt(0)).sum().backward();
    expect(gradOf(x)).toEqual([1, 0]);
  });
});

describe("noGrad, detach, requiresGrad", () => {
  test("noGrad records nothing and keeps nothing, also when it throws", () => {
    const x = leafOf([1, 2]);
    const y = noGrad(() => {
      expect(isGradEnabled()).toBe(false);
      return x.square();
    });
    expect([y.requiresGrad, y.isLeaf, isGradEnabled()]).toEqual([false, true, true]);
    expect(() =>
      noGrad(() => {
        throw new RangeError("mine");
      }),
    ).toThrow(RangeError);
    expect(isGradEnabled()).toBe(true);
    expect(() => noGrad(async () => 1)).toThrow(OptionError);
  });

  test("enableGrad records inside of noGrad, and only there", () => {
    const x = tensor([2], { requiresGrad: true });
    noGrad(() => {
      const y = enableGrad(() => x.mul(x).sum());
      y.backward();
      expect(x.mul(x).requiresGrad).toBe(false);
    });
    expect(x.grad!.toArray()).toEqual([4]);
    expect(() => enableGrad(async () => 1)).toThrow(/enableGrad: expected a synchronous/);
    expect(isGradEnabled()).toBe(true);
  });

  test("noGrad nests", () => {
    noGrad(() => {
      noGrad(() => {});
      expect(isGradEnabled()).toBe(false);
    });
  });

  test("detach shares the values and cuts the graph", () => {
    const x = leafOf([2, 3]);
    const y = x.square();
    const cut = y.detach();
    expect([cut.requiresGrad, cut.toArray()]).toEqual([false, [4, 9]]);
    y.mul(cut).sum().backward();
    expect(gradOf(x)).toEqual([16, 54]);
  });

  test("requiresGrad may be set on leaves of float32 only", () => {
    const x = tensor([1, 2]);
    x.requiresGrad = true;
    x.sum().backward();
    expect(gradOf(x)).toEqual([1, 1]);
    x.requiresGrad = false;
    expect(x.sum().requiresGrad).toBe(false);
    const y = leafOf([1]).square();
    expect(() => {
      y.requiresGrad = false;
    }).toThrow(AutogradError);
    expect(() => {
      zeros([1], { dtype: "int32" }).requiresGrad = true;
    }).toThrow(DTypeError);
    expect(() => zeros([1], { dtype: "bool", requiresGrad: true })).toThrow(DTypeError);
  });

  test("grad may be set: of the tensor's shape and dtype", () => {
    const x = leafOf([1, 2]);
    x.grad = tensor([10, 20]);
    x.sum().backward();
    expect(gradOf(x)).toEqual([11, 21]);
    expect(() => {
      x.grad = tensor([1]);
    }).toThrow(ShapeError);
    expect(() => {
      x.grad = zeros([2], { dtype: "int32" });
    }).toThrow(DTypeError);
  });
});

describe("values changed in place", () => {
  test("between forward and backward: an error, not a wrong gradient", () => {
    const x = leafOf([1, 2]);
    const w = leafOf([3, 4]);
    const loss = x.mul(w).sum();
    w.copy_(tensor([5, 6]));
    expect(() => loss.backward()).toThrow(AutogradError);
    expect(() => loss.backward()).toThrow(/mul saved for its gradient was changed in place/);
  });

  test("a change is allowed if the value was not saved", () => {
    const x = leafOf([1, 2]);
    const loss = x.add(1).sum();
    x.copy_(tensor([5, 6]));
    loss.backward();
    expect(gradOf(x)).toEqual([1, 1]);
  });

  test("the recorded result of an op cannot be overwritten", () => {
    const y = leafOf([1, 2]).add(1);
    expect(() => y.copy_(zeros([2]))).toThrow(AutogradError);
    noGrad(() => y.copy_(zeros([2])));
    expect(y.toArray()).toEqual([0, 0]);
  });

  test.each(["uniform_", "normal_"] as const)("a recorded result cannot be redrawn by %s", (name) => {
    const y = leafOf([1, 2]).mul(2);
    expect(() => y[name]()).toThrow(AutogradError);
    expect(() => y[name]()).toThrow(`${name}: an op made this tensor`);
    expect(y.toArray()).toEqual([2, 4]);
    expect(noGrad(() => y[name]())).toBe(y);
  });

  test("copy_ checks shape and dtype", () => {
    expect(() => zeros([2]).copy_(zeros([1, 2]))).toThrow(ShapeError);
    expect(() => zeros([2]).copy_(zeros([2], { dtype: "int32" }))).toThrow(DTypeError);
  });
});

test("an exception in the middle of a backward pass leaks nothing", () => {
  class Broken extends Spy {
    override backward(): Gradients {
      throw new RangeError("broken");
    }
  }
  const run = () =>
    scope(() => {
      const x = leafOf([1, 2]);
      const y = apply(new Broken(), x.square(), x);
      expect(() => y.mul(y).sum().backward()).toThrow(RangeError);
    });
  run();
  const before = memory();
  run();
  expect(memory().liveBytes).toBe(before.liveBytes);
  expect(memory().liveTensors).toBe(before.liveTensors);
});

test("a kept gradient is a tensor like any other", () => {
  const x = leafOf([1, 2]);
  x.square().sum().backward();
  const g = keep(x.grad as Tensor);
  expect(g).toBeInstanceOf(Tensor);
  expect(g.add(1).toArray()).toEqual([3, 5]);
  expect([g.requiresGrad, g.isLeaf]).toEqual([false, true]);
});
