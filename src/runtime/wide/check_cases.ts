import { type Address, NULL, offset } from "../address.ts";
import { type Kernels, Start } from "../kernels.generated.ts";

/**
 * Calls of kernels on small inputs. The wide build must give the bits of the narrow one for each of them,
 * before it takes over: see check.ts. Sizes are no multiples of a vector where the kernel allows that.
 */
export interface Case {
  kernel: keyof Kernels;
  args: readonly number[];
}

type Call = <Name extends keyof Kernels>(kernel: Name, ...args: Parameters<Kernels[Name]>) => Case;
const call: Call = (kernel, ...args) => ({ kernel, args: args as number[] });

/** The memory of the check: regions of equal size, after the control block. */
export const REGION_BYTES = 32768;
export const FIRST_REGION = 65536;
export const REGIONS = 10;
const region = (index: number) => offset(NULL, FIRST_REGION + index * REGION_BYTES);

/** Random numbers of both signs. */
const [X, Y, Z] = [region(0), region(1), region(2)];
/** Their absolute values. */
export const POSITIVE = region(3);
export const TABLES = region(4);
const [OUT, OUT_2, OUT_3, WORK] = [region(5), region(6), region(7), region(8)];
const BIAS = region(9);

/** A convolution of 3 x 3 on 8 channels of 8 x 8, its padding included in 10 x 10: see Geometry. */
const GEOMETRY = offset(TABLES, 0);
/** Windows of 2 x 2 on 8 x 8: see Grid. */
const GRID = offset(TABLES, 128);
/** Classes. */
const TARGET = offset(TABLES, 256);
/** A parameter of 77 elements: see AdamRow. */
const ADAM_ROW = offset(TABLES, 512);

/** A product of 20 x 24 by 24 x 40, whose left operand is read in place, or transposed: see RowsLayout. */
const ROWS_LAYOUT = offset(TABLES, 640);
const TRANSPOSED_LAYOUT = offset(TABLES, 768);

/** Two steps of three samples with states of 12 elements: see SequenceSizes. */
const LSTM_SIZES = offset(TABLES, 896);
const GRU_SIZES = offset(TABLES, 960);

/** The int32 tables, by address. */
export const TABLE_WORDS: readonly (readonly [Address, readonly number[]])[] = [
  [GEOMETRY, [8, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 8, 8, 10, 10]],
  [GRID, [8, 8, 4, 4, 2, 2, 2, 2, 0, 0, 1, 0]],
  [TARGET, [1, 8, 3, 0, 5, 9]],
  [ADAM_ROW, [OUT, X, OUT_2, POSITIVE, NULL, 77, 1]],
  [ROWS_LAYOUT, [20, 40, 24, 24, 1, 0, 24, 48]],
  [TRANSPOSED_LAYOUT, [20, 40, 24, 1, 20, 1, 24, 48]],
  [LSTM_SIZES, [2, 3, 12, 4, 0, 8, 8192]],
  [GRU_SIZES, [2, 3, 12, 3, 1, 8, 8192]],
];

/** Bytes from one of the 36 positions of transformed patches to the next: 8 channels by 8 tiles. */
const STEP = 320;

function products(): Case[] {
  const cases = [
    call("packPanels4", 0, 5, X, 20, 24, 480, 24, 1, OUT),
    call("packPanels8", 0, 5, X, 40, 24, 960, 1, 40, OUT),
    call("packPanels16", 0, 3, X, 40, 24, 960, 1, 40, OUT),
    call("gemmRows", 0, 1, X, Y, NULL, NULL, OUT, ROWS_LAYOUT, BIAS, WORK, 1),
    call("gemmRows", 0, 1, X, Y, NULL, NULL, OUT, TRANSPOSED_LAYOUT, NULL, WORK, 1),
    call("packImageRows", 0, 8, X, 16, 16, 2, 1, OUT),
  ];
  for (const tile of [8, 16]) {
    for (const start of [Start.Zero, Start.RowBias, Start.ColumnBias]) {
      const relu = start === Start.Zero ? 0 : 1;
      cases.push(
        call("gemm", 0, 1, X, Y, NULL, NULL, OUT, 20, 40, 24, 24, 128, 1920, 3840, 3200, tile, start, BIAS, relu, WORK),
      );
    }
    cases.push(
      call("addGemm", 0, 1, X, Y, NULL, NULL, OUT, 20, 40, 24, 24, 128, 1920, 3840, 3200, tile, WORK),
      call("convolvePooled", 0, 4, X, Y, 16, 72, BIAS, OUT, OUT_2, 4, 4, tile, WORK, 4),
      call("upsample2x2", 0, 4, X, Y, 8, 16, BIAS, 1, OUT, 4, 4, tile, WORK, 4),
    );
  }
  return cases;
}

const convolutions: readonly Case[] = [
  call("padPlanes", 0, 8, X, 8, 8, 1, 1, OUT, 10, 10),
  call("packPixelPanels", 0, 8, X, GEOMETRY, 0, 8, OUT),
  call("packTapPanels", 0, 18, X, GEOMETRY, 1, 1, OUT),
  call("foldColumns", 0, 8, X, GEOMETRY, BIAS, 8, OUT),
  call("winogradPatchesByTile", 0, 1, X, 2, 8, 2, 2, OUT, STEP, WORK, 1),
  call("winogradPatchesByChannel", 0, 1, X, 2, 8, 2, 2, OUT, STEP, WORK, 1),
  call("winogradKernels", 0, 2, X, 8, 288, 8, 36, 0, OUT, STEP, 128, WORK, 4),
  call("winogradKernels", 0, 2, X, 8, 36, 8, 288, 1, OUT, STEP, 128, WORK, 4),
  call("winogradGradTiles", 0, 2, X, 32, 256, 2048, 2, 8, 2, 2, OUT, STEP, WORK, 4),
  call("winogradGradKernels", 0, 8, X, 8, STEP, OUT, WORK, 4),
  call("winogradOutput", 0, 8, X, 2, 8, 2, 2, STEP, BIAS, 1, OUT, 8, 8, WORK, 4),
  call("winogradOutputPool", 0, 8, X, 2, 8, 2, 2, STEP, BIAS, OUT, OUT_2, 8, 8, WORK, 4),
  call("winogradShallowPool", 0, 2, X, Y, 2, 3, 8, 4, 4, BIAS, OUT, OUT_2, 16, 16, WORK, 4),
  call("maxPool2x2", 0, 6, X, OUT, OUT_2, 8, 8),
  call("maxPool2d", 0, 6, X, OUT, OUT_2, 8, 8, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1),
  call("avgPool2d", 0, 6, X, OUT, GRID),
  call("avgPool2dShares", 0, 6, X, OUT, GRID),
];

const ROWS = 5;
const LENGTH = 19;
const SIZE = ROWS * LENGTH;

const rows: readonly Case[] = [
  call("sumRows", 0, 1, X, OUT, 800, 16384),
  call("sumRows", 0, ROWS, X, OUT, LENGTH, 16384),
  call("sumColumns", 0, 2, X, OUT, 50, LENGTH, 863, 16),
  call("sumPartials", 0, 32, X, OUT, 2, 32),
  call("softmax", 0, ROWS, X, OUT, LENGTH, 1, 0),
  call("softmax", 0, ROWS, X, OUT, LENGTH, 1, 1),
  call("softmax", 0, 2, X, OUT, LENGTH, 8, 0),
  call("softmaxGrad", 0, ROWS, X, Y, OUT, LENGTH, 1, 0),
  call("softmaxGrad", 0, ROWS, X, Y, OUT, LENGTH, 1, 1),
  call("causalSoftmax", 0, ROWS, X, OUT, ROWS, LENGTH),
  call("causalSoftmaxGrad", 0, ROWS, X, Y, OUT, ROWS, LENGTH),
  call("logSumExp", 0, ROWS, X, OUT, OUT_2, LENGTH, 1),
  call("crossEntropyGrad", 0, 6, X, Y, POSITIVE, TARGET, NULL, Z, 1, POSITIVE, OUT, 10, 1, -100, 0),
  call("layerNorm", 0, ROWS, X, Y, BIAS, OUT, OUT_2, OUT_3, LENGTH, 1e-5),
  call("layerNormGrad", 0, 1, X, Y, Z, POSITIVE, BIAS, OUT, OUT_2, OUT_3, ROWS, LENGTH),
  call("momentsRows", 0, 18, X, OUT, OUT_2, 16),
  call("momentsColumns", 0, LENGTH, X, OUT, OUT_2, 50, LENGTH),
  call("normApply", 0, 18, X, Y, Z, BIAS, OUT, 16),
  call("normGradSums", 0, 18, X, Y, Z, OUT, OUT_2, 16),
  call("normGradApply", 0, 18, X, Y, Z, BIAS, POSITIVE, BIAS, Y, OUT, 16),
  call("normalizeVectors", 0, ROWS, X, OUT, OUT_2, LENGTH, 1, 1e-12),
  call("pairLossGrad", 0, 60, 0, X, Y, NULL, NULL, 1, Z, 1, 60, BIAS, OUT, OUT_2),
  call("copyTransposed", 0, 2, X, OUT, 19, 20, 19, 20, 0, TABLES),
];

const optimizers: readonly Case[] = [
  call("sgdStep", 0, 77, OUT, X, OUT_2, 0.1, 0.9, 1, 0, 0.01),
  call("adamStep", 0, 1, ADAM_ROW, POSITIVE, 0.9, 1 - 0.9, 0.999, 1 - 0.999, 0, 1, 1e-8),
  call("rmspropStep", 0, 77, OUT, X, POSITIVE, NULL, OUT_2, 0.1, 0.99, 1 - 0.99, 1e-8, 0.9, 0.01),
  call("averageStep", 0, 77, OUT, X, 0.01),
  call("scaleInPlace", 0, 77, X, 0.3),
  call("addContiguous", 0, 77, X, Y, OUT),
  call("randomNormal", 0, 77, OUT, 7, 5, 0, 1),
  call("dropout", 0, 77, OUT, 7, 5, X, 0.5, 2),
];

const recurrent: readonly Case[] = [
  call("lstmSequence", 0, 3, LSTM_SIZES, X, Y, OUT, OUT_2, OUT_3, Z, NULL, WORK, 4),
  call("lstmSequenceGrad", 0, 3, LSTM_SIZES, Y, X, Z, POSITIVE, OUT, OUT_2, OUT_3, NULL, WORK, 4),
  call("gruSequence", 0, 3, GRU_SIZES, X, Y, BIAS, OUT, OUT_2, OUT_3, NULL, WORK, 4),
];

function functions(): Case[] {
  const unary = "relu gelu geluTanh silu sigmoid tanh exp expm1 log log1p sqrt rsqrt reciprocal square sin cos erf abs";
  const named = unary.split(" ") as "relu"[];
  return [
    ...named.map((name) => call(name, 0, SIZE, X, OUT)),
    ...named.map((name) => call(`${name}Grad`, 0, SIZE, Z, POSITIVE, OUT)),
    call("leakyRelu", 0, SIZE, X, OUT, 0.1),
    call("elu", 0, SIZE, X, OUT, 1),
    call("softplus", 0, SIZE, X, OUT, 1, 20),
    call("clamp", 0, SIZE, X, OUT, -1, 1),
  ];
}

function pairs(): Case[] {
  const names = ["addFloat", "subFloat", "mulFloat", "divFloat", "maximumFloat", "powFloat", "ltFloat"] as const;
  return names.flatMap((name) => [
    call(name, 0, SIZE, POSITIVE, Y, OUT, SIZE, 1, 1, 0, NULL),
    call(name, 0, SIZE, POSITIVE, Y, OUT, SIZE, 1, 0, 0, NULL),
  ]);
}

export const CASES: readonly Case[] = [
  ...products(),
  ...convolutions,
  ...rows,
  ...optimizers,
  ...recurrent,
  ...functions(),
  ...pairs(),
];
