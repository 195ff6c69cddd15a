import type { Op } from "../../src/ops/core/op.ts";

/** One way to compute an op. */
export interface Rung<Options = never> {
  /**
   * Its place on the ladder: the number with which its file name begins; for the library's kernels, the
   * numbers after that.
   */
  number: number;
  name: string;
  /** The files that contain it, below assembly/. */
  files: string[];
  ships: boolean;
  /** One application of the op, computed by this rung. */
  op(options: Options): Op;
  /** The passes that it computes itself; lower rungs compute the others. */
  passes: readonly string[];
  /** False for layers that it does not compute itself. Default: it supports all layers. */
  supports?(layer: Layer<Options>): boolean;
}

/** A set of sizes on which the rungs are timed. */
export interface Layer<Options = never> {
  name: string;
  /** Shapes of the op's inputs. */
  shapes: number[][];
  options: Options;
  /** Work of a pass: floating-point operations of the definition, or bytes (each input and output once). */
  work: number;
}

/** All rungs of an op, from the definition to the library's kernel. */
export interface Ladder<Options = never> {
  op: string;
  /** The folder, below assembly/. */
  folder: string;
  /** The chapter that shows its table, in assembly/. */
  readme: string;
  unit: "GFLOP/s" | "GB/s";
  /** "forward", or the gradient of an input: its position among the inputs. */
  passes: Record<string, "forward" | number>;
  rungs: Rung<Options>[];
  layers: Layer<Options>[];
  /** The result and the gradients of the inputs in float64, given the gradient of the result. */
  reference(layer: Layer<Options>, inputs: Float64Array[], gradient: (size: number) => Float64Array): Float64Array[];
}
