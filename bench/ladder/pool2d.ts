/** The ladder of maxPool2d. */

import { empty, type NDArray } from "../../src/ops/core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../../src/ops/core/op.ts";
import { launch } from "../../src/ops/pool/kernels.ts";
import type { MaxPool2dOptions } from "../../src/ops/pool/max_pool2d.ts";
import { checkPoolWindow, type Planes, type PoolWindow, planeGrain, pooledPlanes } from "../../src/ops/pool/window.ts";
import { NULL } from "../../src/runtime/address.ts";
import { run } from "./kernels.ts";
import type { Ladder, Layer } from "./rung.ts";
import { shipped } from "./shipped.ts";

export type PoolOptions = MaxPool2dOptions & { kernel: [number, number] };

/**
 * Max pooling that stores the position of each maximum, by the definition or by the library's general kernel.
 * The gradient is the definition's in both cases.
 */
class RungMaxPool2d extends Op {
  readonly name = "maxPool2d";
  readonly #ships: boolean;
  readonly #window: PoolWindow;
  #planes!: Planes;

  constructor(ships: boolean, options: PoolOptions) {
    super();
    this.#ships = ships;
    const { kernel, stride = null, padding = 0, dilation = 1, ceilMode = false } = options;
    this.#window = { ...checkPoolWindow(this.name, kernel, { stride, padding, dilation }), ceilMode };
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  forward(x: NDArray): NDArray {
    this.#planes = pooledPlanes(this.name, x, this.#window);
    const { planes, height, width, outHeight, outWidth, outShape } = this.#planes;
    const y = empty(outShape);
    const index = this.needsAny ? empty(outShape, "int32") : null;
    const indexAddress = index?.address ?? NULL;
    const { kernel, stride, padding, dilation } = this.#window;
    const sizes = [height, width, outHeight, outWidth, ...kernel, ...stride, ...padding, ...dilation] as const;
    if (this.#ships)
      launch(shipped.maxWindows.kernel, planes, planeGrain(this.#planes), x.address, y.address, indexAddress, ...sizes);
    else run("maxPool2dNaive", planes, x.address, y.address, indexAddress, ...sizes);
    this.save(index);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [index] = this.saved as [NDArray];
    const { planes, height, width, outHeight, outWidth, outShape } = this.#planes;
    const dx = empty([...outShape.slice(0, -2), height, width]);
    run("maxPool2dGradNaive", planes, dy.address, index.address, dx.address, outHeight * outWidth, height * width);
    return [dx];
  }
}

function layer(name: string, x: number[], options: PoolOptions): Layer<PoolOptions> {
  const { kernel, stride = null, padding = 0 } = options;
  const window = { ...checkPoolWindow(name, kernel, { stride, padding, dilation: 1 }), ceilMode: false };
  const out = [0, 1].map((d) => Math.floor((x[2 + d] + 2 * window.padding[d] - kernel[d]) / window.stride[d]) + 1);
  return { name, shapes: [x], options, work: 4 * x[0] * x[1] * (x[2] * x[3] + out[0] * out[1]) };
}

const is2x2 = ({ options: { kernel, stride, padding } }: Layer<PoolOptions>) =>
  kernel.every((n) => n === 2) && stride === undefined && padding === undefined;

export const maxPool2dLadder: Ladder<PoolOptions> = {
  op: "maxPool2d",
  folder: "pool/ladder",
  readme: "pool/README.md",
  unit: "GB/s",
  passes: { forward: "forward", gradInput: 0 },
  layers: [
    layer("pool1", [4, 64, 32, 32], { kernel: [2, 2] }),
    layer("pool2", [4, 128, 16, 16], { kernel: [2, 2] }),
    layer("odd", [3, 5, 33, 29], { kernel: [3, 3], stride: 2, padding: 1 }),
  ],
  rungs: [
    {
      number: 1,
      name: "naive",
      files: ["pool/ladder/1_naive.ts"],
      ships: false,
      passes: ["forward", "gradInput"],
      op: (options) => new RungMaxPool2d(false, options),
    },
    {
      number: 2,
      name: "SIMD, four windows",
      files: shipped.maxWindows.files,
      ships: true,
      passes: ["forward"],
      op: (options) => new RungMaxPool2d(true, options),
    },
    {
      number: 3,
      name: "2x2 in registers",
      ships: true,
      passes: ["forward", "gradInput"],
      supports: is2x2,
      ...shipped.maxPool2d,
    },
  ],
  reference({ shapes: [[n, c, height, width]], options: { kernel, ...options } }, [x], gradient) {
    const { stride, padding } = checkPoolWindow("reference", kernel, {
      stride: null,
      padding: 0,
      dilation: 1,
      ...options,
    });
    const [oh, ow] = [height, width].map(
      (length, d) => Math.floor((length + 2 * padding[d] - kernel[d]) / stride[d]) + 1,
    );
    const y = new Float64Array(n * c * oh * ow).fill(-Infinity);
    const dx = new Float64Array(x.length);
    const dy = gradient(y.length);
    for (let o = 0; o < y.length; o++) {
      const [plane, oy, ox] = [Math.floor(o / (oh * ow)), Math.floor(o / ow) % oh, o % ow];
      let winner = 0;
      for (let i = oy * stride[0] - padding[0]; i < oy * stride[0] - padding[0] + kernel[0]; i++)
        for (let j = ox * stride[1] - padding[1]; j < ox * stride[1] - padding[1] + kernel[1]; j++) {
          const from = (plane * height + i) * width + j;
          if (i < 0 || i >= height || j < 0 || j >= width || x[from] <= y[o]) continue;
          y[o] = x[from];
          winner = from;
        }
      dx[winner] += dy[o];
    }
    return [y, dx];
  },
};
