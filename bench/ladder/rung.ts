import type { Op } from "../../src/ops/core/op.ts";

/** One way to compute an op. */
export interface Rung<Options = never> {
  /** Its place on the ladder: the number its file begins with, or the next ones for what ships. */
  number: number;
  name: string;
  /** Where to read it, below assembly/. */
  files: string[];
  ships: boolean;
  /** One application of the op, computed by this rung. */
  op(options: Options): Op;
  /** The passes that it computes itself; the others are a lower rung's. */
  passes: readonly string[];
  /** False for layers it does not compute itself. Default: it takes all. */
  supports?(layer: Layer<Options>): boolean;
}

/** What the rungs are timed on. */
export interface Layer<Options = never> {
  name: string;
  /** Shapes of the op's inputs. */
  shapes: number[][];
  options: Options;
  /** Floating-point operations (of the definition) or bytes (each input and output once) of a pass. */
  work: number;
}

/** All rungs of an op, from the definition to what ships. */
export interface Ladder<Options = never> {
  op: string;
  /** Below assembly/. */
  folder: string;
  /** The chapter that has its table, in assembly/. */
  readme: string;
  unit: "GFLOP/s" | "GB/s";
  /** "forward", or the gradient of an input: its position among the inputs. */
  passes: Record<string, "forward" | number>;
  rungs: Rung<Options>[];
  layers: Layer<Options>[];
  /** The result and the gradients of the inputs in float64, given the gradient of the result. */
  reference(layer: Layer<Options>, inputs: Float64Array[], gradient: (size: number) => Float64Array): Float64Array[];
}
