/**
 * What cannot be exported says which operation, and leaves the model as it was. Names, constants and external
 * data.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  arange,
  manualSeed,
  memory,
  nn,
  noGrad,
  OptionError,
  rand,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "wasmgrad";
import { exportOnnx } from "../../../src/onnx/export/index.ts";
import { ModelProtoSchema } from "../../../src/onnx/schema/onnx_pb.ts";
import { relativeError, runOnnx } from "../../support/onnxruntime.ts";

const x = randn([3, 4]);
const graphOf = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes).graph!;
const initializersOf = (bytes: Uint8Array) => graphOf(bytes).initializer.map(({ name }) => name);

describe("refusals", () => {
  it("names the layer of a model in training mode, which stays as it is", () => {
    const model = new nn.Sequential(new nn.Linear(4, 4), new nn.BatchNorm1d(4));
    const before = model.stateDict()["1.running_mean"].data();
    expect(() => exportOnnx(model, [x])).toThrow(/got BatchNorm1d \(1\) in training mode: call model.eval\(\) first/);
    expect(model.stateDict()["1.running_mean"].data()).toEqual(before);
    expect(model.training).toBe(true);
  });

  it("names operations in training mode inside of functions, before they run", () => {
    const [mean, variance] = [zeros([4]), zeros([4]).add(1)];
    const f = (y: Tensor) => nn.functional.batchNorm(y, mean, variance, { training: true });
    expect(() => exportOnnx(f, [x])).toThrow(/batchNorm: it runs in training mode/);
    expect(mean.toArray()).toEqual([0, 0, 0, 0]);
    expect(() => exportOnnx((y: Tensor) => nn.functional.dropout(y, { p: 0.5 }), [x])).toThrow(/dropout: .*eval\(\)/);
  });

  it("names the operation whose result is read, and its module", () => {
    class Gate extends nn.Module {
      inner = new nn.Linear(4, 4);
      forward(y: Tensor): Tensor {
        const z = this.inner.forward(y);
        return z.sum().item() > 0 ? z : z.neg();
      }
    }
    expect(() => exportOnnx(new nn.Sequential(new Gate()).eval(), [x])).toThrow(
      /reads elements of the result of sum \(0\)/,
    );
    expect(() => exportOnnx((y: Tensor) => y.mul(y.data()[0]), [x])).toThrow(/reads elements of an input/);
  });

  it("names operations that depend on the batch, and operations without an operator", () => {
    const f = (y: Tensor) => (y.shape[0] > 3 ? y.relu() : y.tanh());
    expect(() => exportOnnx(f, [x])).toThrow(/operation 0 is tanh in a run with a batch of 3 and relu .* batch of 4/);
    expect(() => exportOnnx((y: Tensor) => y.mul(arange(y.shape[0]).unsqueeze(1)), [x])).toThrow(
      /mul: .* other elements/,
    );
    expect(() => exportOnnx((y: Tensor) => y.narrow(0, 0, y.shape[0] >> 1), [x])).toThrow(/narrow: .* linear function/);
    expect(() => exportOnnx((y: Tensor) => y.digamma(), [x])).toThrow(/digamma: ONNX has no such operator/);
  });

  it("finds chance, also in a fixed batch", () => {
    for (const dynamicBatch of [true, false]) {
      expect(() => exportOnnx((y: Tensor) => y.add(rand([4])), [x], { dynamicBatch })).toThrow(/add: .*random/);
    }
  });

  it("refuses overwritten parameters and shared memory, follows copies in place", async () => {
    class Counter extends nn.Module {
      count = this.registerBuffer("count", zeros([1]));
      forward(y: Tensor): Tensor {
        this.count.copy_(y.sum().reshape([1]));
        return y;
      }
    }
    expect(() => exportOnnx(new Counter().eval(), [x])).toThrow(/overwrites "count"/);
    const shared = (y: Tensor) => {
      const a = y.mul(2);
      const b = a.reshape([-1]);
      a.add_(1);
      return b;
    };
    expect(() => exportOnnx(shared, [x])).toThrow(/memory was overwritten/);
    const inPlace = (y: Tensor) => y.mul(2).add_(1).mul_(y);
    const { output } = await runOnnx(exportOnnx(inPlace, [x]), { input: x });
    expect(relativeError(output, inPlace(x))).toBeLessThan(1e-6);
  });

  it("refuses wrong arguments, and ends the trace", () => {
    const wrong: [unknown, unknown, unknown, RegExp][] = [
      [3, [x], {}, /model expected a module or a function, got 3/],
      [(y: Tensor) => y, [], {}, /exampleInputs expected an array of tensors/],
      [(y: Tensor) => y, [x], { opset: 12 }, /opset expected an integer in \[13, 23\]/],
      [(y: Tensor) => y, [x], { inputNames: ["a", "b"] }, /inputNames expected 1 different names/],
      [(y: Tensor) => y, [tensor(1)], {}, /batchDims expected/],
      [() => 3, [x], {}, /expected to return tensors, got 3/],
    ];
    for (const [model, inputs, options, message] of wrong) {
      expect(() => exportOnnx(model as () => Tensor, inputs as Tensor[], options as object)).toThrow(message);
      expect(() => exportOnnx(model as () => Tensor, inputs as Tensor[], options as object)).toThrow(OptionError);
    }
    expect(exportOnnx((y: Tensor) => y.relu(), [x]).length).toBeGreaterThan(50);
  });
});

describe("files", () => {
  it("has weights under the names of the state dict, tied ones once, and folds constants", () => {
    const model = new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Linear(4, 4)).eval();
    (model[2] as nn.Linear).weight = (model[0] as nn.Linear).weight;
    const bytes = exportOnnx((y: Tensor) => model.forward(y).add(zeros([4]).cos().exp()), [x], {
      state: model.stateDict(),
    });
    expect(initializersOf(bytes).sort()).toEqual(["0.bias", "0.weight", "2.bias", "constant"]);
    expect(graphOf(bytes).node.map(({ opType }) => opType)).toEqual(["Gemm", "Relu", "Gemm", "Add"]);
    expect(graphOf(exportOnnx(model, [x])).node.map(({ name }) => name)).toEqual(["0/Gemm", "1/Relu", "2/Gemm"]);
  });

  it("takes fused layers apart, and leaves the model without hooks and memory as it was", () => {
    manualSeed(0);
    const layers = [new nn.Conv2d(16, 16, { kernelSize: 3, padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)];
    const model = new nn.Sequential(...layers).eval();
    const input = randn([2, 16, 16, 16]);
    const { liveTensors } = memory();
    const types = ["Conv", "Relu", "MaxPool"];
    expect(graphOf(exportOnnx(model, [input])).node.map(({ opType }) => opType)).toEqual(types);
    const f = (y: Tensor) => model.forward(y);
    expect(graphOf(exportOnnx(f, [input])).node.map(({ opType }) => opType)).toEqual(types);
    expect(Object.hasOwn(layers[0], "forward")).toBe(false);
    expect(memory().liveTensors).toBe(liveTensors);
  });

  it("writes weights to a second file", async () => {
    const model = new nn.Sequential(new nn.Linear(4, 100), new nn.ReLU(), new nn.Linear(100, 2)).eval();
    const { model: bytes, data } = exportOnnx(model, [x], { externalData: "weights.bin" });
    expect(bytes.length).toBeLessThan(2500);
    const { output } = await runOnnx(bytes, { input: x }, { "weights.bin": data });
    expect(
      relativeError(
        output,
        noGrad(() => model.forward(x)),
      ),
    ).toBeLessThan(1e-6);
  });

  it("takes several inputs, the batch in any dimension, and masks as inputs", async () => {
    const layer = new nn.MultiheadAttention(8, 2).eval();
    const f = (y: Tensor, mask: Tensor) => layer.forward(y, y, y, { keyPaddingMask: mask, needWeights: false })[0];
    const input = (batch: number) => [randn([5, batch, 8]), rand([batch, 5]).gt(0.7)] as const;
    const bytes = exportOnnx(f, input(2) as unknown as Tensor[], { batchDims: [1, 0], inputNames: ["x", "mask"] });
    const [y, mask] = input(4);
    const { output } = await runOnnx(bytes, { x: y, mask });
    expect(
      relativeError(
        output,
        scope(() => f(y, mask)),
      ),
    ).toBeLessThan(1e-6);
  });

  it("computes with the size of the batch", async () => {
    const pairs = (y: Tensor) => y.unsqueeze(0).expand([y.shape[0], y.shape[0], 4]).reshape([-1, 4]);
    expect(() => exportOnnx(pairs, [x])).toThrow(/reshape: dimension 0 is 9, 16, 36 .* linear function/);
    const linear = (y: Tensor) => ({
      mean: y.sum(0).div(y.shape[0]),
      flat: y.reshape([-1]),
      pairs: y.unsqueeze(0).expand([y.shape[0], y.shape[0], 4]).narrow(1, 1, 2),
      last: y.select(0, -1),
      rest: y.narrow(0, 1, y.shape[0] - 1),
      flipped: y.flip(0),
      deviation: y.std(0),
      sorted: y.sort(0).values,
    });
    const y = randn([7, 4]);
    const results = await runOnnx(exportOnnx(linear, [x]), { input: y });
    for (const [name, expected] of Object.entries(linear(y))) {
      expect(relativeError(results[name], expected)).toBeLessThan(1e-6);
    }
  });
});
