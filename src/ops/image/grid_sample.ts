import { checkBoolean, checkChoice, readOptions } from "../../checks.ts";
import { formatShape, OptionError, ShapeError } from "../../errors.ts";
import {
  BILINEAR_WORK_BYTES,
  SAMPLE_BLOCK,
  SAMPLE_WORK_BYTES,
  SamplePadding,
  sampleSizesWords,
} from "../../runtime/kernels.generated.ts";
import { getNumThreads } from "../../runtime/parallel/pool.ts";
import { empty, expectFloat, intTable, type NDArray, scratch } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { launch } from "./kernels.ts";

export interface GridSampleOptions {
  /** "bilinear" (the default; of volumes, trilinear), "nearest", or, for images, "bicubic". */
  mode?: "bilinear" | "nearest" | "bicubic";
  /** Values outside of the image: "zeros" (the default), those of the "border", or by "reflection" at it. */
  paddingMode?: "zeros" | "border" | "reflection";
  /**
   * Whether -1 and 1 are the centers of the outermost pixels, rather than their outer edges. Default false.
   */
  alignCorners?: boolean;
}

const TAPS = { nearest: 1, bilinear: 2, bicubic: 4 } as const;
const PADDING = {
  zeros: SamplePadding.Zeros,
  border: SamplePadding.Border,
  reflection: SamplePadding.Reflection,
} as const;

/** Number of taps that a thread reads at a time. */
const GRAIN = 16384;

/**
 * Reads x [N,C,H,W] or [N,C,D,H,W] at the positions of a grid [N,Ho,Wo,2] or [N,Do,Ho,Wo,3]. The gradient of
 * x adds `dy` to the pixels that were read, by their weights; that of the grid is `dy` times the slope of
 * what was read.
 */
export class GridSample extends Op {
  readonly name = "gridSample";
  readonly options: Readonly<Required<GridSampleOptions>>;

  constructor(options?: GridSampleOptions) {
    super();
    const defaults: Required<GridSampleOptions> = { mode: "bilinear", paddingMode: "zeros", alignCorners: false };
    this.options = { ...readOptions(this.name, options, defaults) };
    checkChoice(this.name, "mode", this.options.mode, Object.keys(TAPS) as (keyof typeof TAPS)[]);
    checkChoice(this.name, "paddingMode", this.options.paddingMode, Object.keys(PADDING) as (keyof typeof PADDING)[]);
    checkBoolean(this.name, "alignCorners", this.options.alignCorners);
  }

  get attributes(): Attributes {
    return { ...this.options };
  }

  forward(x: NDArray, grid: NDArray): NDArray {
    expectFloat(this.name, x, grid);
    const dims = x.shape.length - 2;
    const fits =
      (dims === 2 || dims === 3) &&
      grid.shape.length === dims + 2 &&
      grid.shape.at(-1) === dims &&
      grid.shape[0] === x.shape[0] &&
      !x.shape.slice(2).includes(0);
    if (!fits) {
      throw new ShapeError(
        `${this.name}: expected [N,C,H,W] and a grid [N,Ho,Wo,2], or [N,C,D,H,W] and a grid [N,Do,Ho,Wo,3], ` +
          `got ${formatShape(x.shape)} and ${formatShape(grid.shape)}`,
      );
    }
    if (dims === 3 && this.options.mode === "bicubic") {
      throw new OptionError(`${this.name}: "bicubic" is only for images, got ${formatShape(x.shape)}`);
    }
    this.save(x, grid);
    const y = empty([...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)]);
    const { sizes, blocks, blockTaps, channels } = this.#sizes(x, grid);
    const { total, grain, work } = chunks(channels === 0 ? 0 : blocks, blockTaps * channels);
    const kernel = this.#isPlain(dims) ? "bilinearSample" : "gridSample";
    launch(kernel, total, grain, x.address, grid.address, y.address, sizes, work, grain);
    return y;
  }

  override backward(dy: NDArray): Gradients {
    const [x, grid] = this.saved as [NDArray, NDArray];
    const { sizes, blocks, blockTaps, channels } = this.#sizes(x, grid);
    const isPlain = this.#isPlain(x.shape.length - 2);
    let [dx, dGrid]: Gradients = [null, null];
    if (this.needs[0]) {
      dx = empty(x.shape);
      // whole images where there are enough of them, because the channels of an image share a table
      const batch = x.shape[0];
      const least = batch >= getNumThreads() ? channels : 1;
      const { total, grain, work } = chunks(batch * channels, (blocks / Math.max(batch, 1)) * blockTaps, least);
      const kernel = isPlain ? "bilinearSampleGradInput" : "gridSampleGradInput";
      launch(kernel, total, grain, dy.address, grid.address, dx.address, sizes, work, grain);
    }
    if (this.needs[1]) {
      dGrid = empty(grid.shape);
      const { total, grain, work } = chunks(blocks, blockTaps * Math.max(channels, 1));
      const addresses = [dy.address, x.address, grid.address, dGrid.address] as const;
      const kernel = isPlain ? "bilinearSampleGradGrid" : "gridSampleGradGrid";
      launch(kernel, total, grain, ...addresses, sizes, work, grain);
    }
    return [dx, dGrid];
  }

  /** Whether assembly/image/bilinear_sample.ts does it. */
  #isPlain(dims: number): boolean {
    return dims === 2 && this.options.mode === "bilinear" && this.options.paddingMode !== "reflection";
  }

  #sizes(x: NDArray, grid: NDArray) {
    const [batch, channels, ...spatial] = x.shape;
    const [depth, height, width] = spatial.length === 2 ? [1, ...spatial] : spatial;
    const count = grid.shape.slice(1, -1).reduce((product, length) => product * length, 1);
    const { mode, paddingMode, alignCorners } = this.options;
    const dims = spatial.length;
    const taps = TAPS[mode];
    const [padding, align] = [PADDING[paddingMode], Number(alignCorners)];
    const sizes = intTable(
      sampleSizesWords({ channels, depth, height, width, count, dims, taps, padding, alignCorners: align }),
    );
    const blocks = batch * Math.ceil(count / SAMPLE_BLOCK);
    return { sizes, blocks, blockTaps: SAMPLE_BLOCK * taps * taps * (dims === 3 ? taps : 1), channels };
  }
}

/** Range, grain (a multiple of `least`) and scratch memory of a kernel whose units read `unitTaps` taps. */
function chunks(total: number, unitTaps: number, least = 1) {
  const most = Math.ceil(total / (4 * getNumThreads())); // at most four chunks for each thread
  const wanted = Math.max(most, Math.ceil(GRAIN / Math.max(unitTaps, 1)), 1);
  const grain = Math.max(least, 1) * Math.ceil(wanted / Math.max(least, 1));
  return { total, grain, work: scratch(Math.ceil(total / grain) * Math.max(SAMPLE_WORK_BYTES, BILINEAR_WORK_BYTES)) };
}
