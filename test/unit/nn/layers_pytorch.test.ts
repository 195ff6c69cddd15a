/**
 * Norms, padding, rearranging layers and transformers against PyTorch: see
 * test/fixtures/breadth/gen_layers.py.
 */
import { describe, expect, test } from "vitest";
import { memory, nn, noGrad, OptionError, rand, ShapeError, type Tensor, tensor, zeros } from "wasmgrad";
import { expectClose } from "../../support/compare.ts";
import { checkCase, readCases } from "../../support/pytorch_case.ts";

const F = nn.functional;
const cases = readCases("layers");
type Inputs = Record<string, Tensor>;
const ran = new Set<string>();

function check(name: string, run: (inputs: Inputs) => Tensor | Tensor[], module?: nn.Module): void {
  test(name, () => {
    ran.add(name);
    checkCase(cases[name], run, { module });
  });
}
const layer = (name: string, module: nn.Module) => check(name, ({ x }) => module.forward(x), module);

describe("norms", () => {
  layer("instance norm", new nn.InstanceNorm2d(3, { affine: true }));
  layer("instance norm 1d", new nn.InstanceNorm1d(3, { affine: true }));
  layer("instance norm 3d", new nn.InstanceNorm3d(2));
  layer("instance norm single", new nn.InstanceNorm2d(3));
  layer("batch norm 3d", new nn.BatchNorm3d(3));
  layer("rms norm", new nn.RMSNorm(4));
  layer("rms norm of two dimensions", new nn.RMSNorm([3, 4], { eps: 0.1 }));
  check("rms norm plain", ({ x }) => F.rmsNorm(x, [4]));
  check("local response 5", ({ x }) => F.localResponseNorm(x, 5, { alpha: 0.1, beta: 0.6, k: 2 }));
  check("local response 2", ({ x }) => new nn.LocalResponseNorm(2, { alpha: 0.5 }).forward(x));

  // the saved state has the statistics after the batch, so the layer is made here with those before it
  test("instance norm tracked", () => {
    ran.add("instance norm tracked");
    const norm = new nn.InstanceNorm1d(3, { affine: true, trackRunningStats: true, momentum: 0.3 });
    const { state = {}, paramGrads: _, ...fixture } = cases["instance norm tracked"];
    const { weight, bias } = state;
    norm.weight!.copy_(tensor(weight.data));
    norm.bias!.copy_(tensor(bias.data));
    checkCase(fixture, ({ x, z }) => {
      const y = norm.forward(x);
      norm.eval();
      return [y, norm.forward(z), norm.runningMean!, norm.runningVar!];
    });
    expect(norm.weight!.grad).not.toBeNull();
  });

  test("bad arguments", () => {
    expect(() => new nn.InstanceNorm2d(3).forward(zeros([2, 4, 3, 3]))).toThrow(
      "InstanceNorm2d: expected 4 dimensions [N,3,...], got [2,4,3,3]",
    );
    expect(() => F.instanceNorm(zeros([2, 3, 1]))).toThrow(ShapeError);
    expect(() => F.rmsNorm(zeros([2, 3]), [4])).toThrow(ShapeError);
    expect(() => F.rmsNorm(zeros([2, 3]), [3], { weight: zeros([2]) })).toThrow(ShapeError);
    expect(() => new nn.RMSNorm([])).toThrow(OptionError);
    expect(() => new nn.LocalResponseNorm(0)).toThrow(OptionError);
    expect(() => F.localResponseNorm(zeros([2, 3]), 2)).toThrow(ShapeError);
  });
});

describe("padding", () => {
  const sides = [1, 2, 2, 0, 1, 1];
  for (const dims of [1, 2, 3] as const) {
    for (const kind of ["Reflection", "Replication", "Circular"] as const) {
      layer(`${kind}Pad${dims}d`, new nn[`${kind}Pad${dims}d`](sides.slice(0, 2 * dims)));
    }
    layer(`ZeroPad${dims}d`, new nn[`ZeroPad${dims}d`](2));
    layer(`ConstantPad${dims}d`, new nn[`ConstantPad${dims}d`](sides.slice(0, 2 * dims), 3.5));
  }

  test("bad arguments", () => {
    expect(() => new nn.ZeroPad2d([1, 2])).toThrow("ZeroPad2d: padding expected one integer or 4, got [1,2]");
    expect(() => new nn.ConstantPad1d(1, Number.NaN)).toThrow(OptionError);
    expect(() => new nn.ReflectionPad2d(1).forward(zeros([2, 3]))).toThrow(
      "ReflectionPad2d: expected [N,C,H,W] or [C,H,W], got [2,3]",
    );
  });
});

describe("rearranging", () => {
  check("pixel shuffle", ({ x }) => new nn.PixelShuffle(3).forward(x));
  check("pixel unshuffle", ({ x }) => new nn.PixelUnshuffle(2).forward(x));
  check("channel shuffle", ({ x }) => new nn.ChannelShuffle(3).forward(x));
  const options = { dilation: [2, 1], padding: [1, 0], stride: [1, 2] };
  check("unfold", ({ x }) => new nn.Unfold([2, 3], options).forward(x));
  check("unfold 3", ({ x }) => F.unfold(x, 3));
  check("fold", ({ x }) => new nn.Fold([5, 8], [2, 3], options).forward(x));
  check("fold 2", ({ x }) => F.fold(x, [7, 5], 2, { stride: 2 }));

  test("bad arguments", () => {
    const x = zeros([1, 6, 4, 3]);
    expect(() => F.pixelShuffle(x, 2)).toThrow(ShapeError);
    expect(() => F.pixelUnshuffle(x, 2)).toThrow(ShapeError);
    expect(() => F.channelShuffle(x, 4)).toThrow(ShapeError);
    expect(() => F.unfold(x, 5)).toThrow("unfold: the window [5,5] is larger than the padded image [4,3]");
    expect(() => F.unfold(zeros([2]), 1)).toThrow(ShapeError);
    expect(() => F.fold(zeros([1, 4, 5]), 4, 2, { stride: 2 })).toThrow(ShapeError);
    expect(() => new nn.Fold(4, 2, { strides: 1 } as object)).toThrow(OptionError);
  });
});

describe("transformers", () => {
  const padding = tensor([
    [false, false, false, false],
    [false, false, true, true],
  ]);
  for (const normFirst of [false, true]) {
    for (const activation of ["relu", "gelu"] as const) {
      const name = `${normFirst ? "first" : "last"} ${activation}`;
      const options = { dimFeedforward: 10, dropout: 0, activation, normFirst };
      const encoder = new nn.TransformerEncoderLayer(6, 2, options);
      check(`encoder layer ${name}`, ({ x }) => encoder.forward(x, { isCausal: true }), encoder);
      const bias = activation === "relu";
      const decoder = new nn.TransformerDecoderLayer(6, 2, { ...options, batchFirst: true, bias });
      check(
        `decoder layer ${name}`,
        ({ x, memory: source }) => decoder.forward(x, source, { tgtIsCausal: true }),
        decoder,
      );
    }
  }
  const small = { dimFeedforward: 8, dropout: 0 };
  const padded = new nn.TransformerEncoderLayer(6, 3, { ...small, batchFirst: true });
  check("encoder layer padding", ({ x }) => padded.forward(x, { srcKeyPaddingMask: padding }), padded);
  const encoder = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(6, 2, small), 2, {
    norm: new nn.LayerNorm(6),
  });
  const srcMask = nn.Transformer.generateSquareSubsequentMask(4);
  check("encoder", ({ x }) => encoder.forward(x, { srcMask }), encoder);
  const decoder = new nn.TransformerDecoder(new nn.TransformerDecoderLayer(6, 2, small), 2);
  check("decoder", ({ x, memory: source }) => decoder.forward(x, source, { tgtIsCausal: true }), decoder);
  const both = { dModel: 6, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, batchFirst: true, ...small };
  const transformer = new nn.Transformer(both);
  const masks = { tgtIsCausal: true, srcKeyPaddingMask: padding, memoryKeyPaddingMask: padding };
  check("transformer", ({ x, tgt }) => transformer.forward(x, tgt, masks), transformer);

  test("copies of a layer have its values; layers of a function have their own", () => {
    const first = (model: nn.TransformerEncoder, i: number) => model.layers.at(i).linear1.weight.toArray();
    expect(first(encoder, 0)).not.toBe(first(encoder, 1));
    const copied = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, small), 2);
    expect(first(copied, 0)).toEqual(first(copied, 1));
    const made = new nn.TransformerEncoder(() => new nn.TransformerEncoderLayer(4, 2, small), 2);
    expect(first(made, 0)).not.toEqual(first(made, 1));
  });

  test.each([true, false])(
    "with caches, new positions get what the whole causal pass gives (batchFirst %s)",
    (batchFirst) => {
      const options = { ...small, batchFirst, normFirst: batchFirst };
      const axis = batchFirst ? 1 : 0;
      const model = new nn.TransformerEncoder(() => new nn.TransformerEncoderLayer(8, 2, options), 2).eval();
      const x = rand(batchFirst ? [2, 6, 8] : [6, 2, 8]);
      const whole = noGrad(() => model.forward(x, { isCausal: true }));
      const caches = model.caches();
      for (const [start, length] of [
        [0, 3],
        [3, 1],
        [4, 2],
      ]) {
        const part = noGrad(() => model.forward(x.narrow(axis, start, length), { caches }));
        expectClose("part", part.data(), whole.narrow(axis, start, length).data(), 1e-5);
      }
      expect(caches[0].length).toBe(6);
      const target = new nn.TransformerDecoder(() => new nn.TransformerDecoderLayer(8, 2, options), 2).eval();
      const expected = noGrad(() => target.forward(x, x, { tgtIsCausal: true }));
      const own = target.caches();
      for (let i = 0; i < 6; i++) {
        const part = noGrad(() => target.forward(x.narrow(axis, i, 1), x, { caches: own }));
        expectClose("part", part.data(), expected.narrow(axis, i, 1).data(), 1e-5);
      }
      const { liveTensors } = memory();
      for (const cache of [...caches, ...own]) cache.clear();
      expect(memory().liveTensors).toBe(liveTensors - 8);
      expect(caches[0].length).toBe(0);
    },
  );

  test("bad arguments", () => {
    const any = (value: unknown) => value as never;
    expect(() => new nn.TransformerEncoderLayer(6, 4)).toThrow(OptionError);
    expect(() => new nn.TransformerEncoderLayer(6, 2, { activation: any("tanh") })).toThrow(OptionError);
    expect(() => new nn.TransformerEncoder(any(nn.TransformerEncoderLayer), 2)).toThrow(OptionError);
    expect(() => new nn.TransformerEncoder(() => any(new nn.Linear(1, 1)), 2)).toThrow(OptionError);
    expect(() => encoder.forward(zeros([4, 2, 6]), { caches: [] })).toThrow("caches expected 2");
    expect(() => padded.forward(zeros([2, 4, 6]), { cache: new nn.KeyValueCache(), srcMask })).toThrow(OptionError);
    expect(() => padded.forward(zeros([2, 4, 6]), { cache: any({}) })).toThrow(OptionError);
    const cache = new nn.KeyValueCache();
    padded.forward(zeros([2, 4, 6]), { cache });
    expect(() => padded.forward(zeros([3, 1, 6]), { cache })).toThrow(ShapeError);
    expect(nn.Transformer.generateSquareSubsequentMask(2).toArray()).toEqual([
      [0, -Infinity],
      [0, 0],
    ]);
  });
});

test("every case is run", () => expect([...ran].sort()).toEqual(Object.keys(cases).sort()));
