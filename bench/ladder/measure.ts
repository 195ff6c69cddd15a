/** Checks rungs and times them alternately. */
import { manualSeed, randn, type Tensor } from "wasmgrad";
import type { NDArray } from "../../src/ops/core/array.ts";
import type { Op } from "../../src/ops/core/op.ts";
import { withFrame } from "../../src/runtime/frame.ts";
import type { Ceiling } from "../lib/ceiling.ts";
import type { Plan } from "../lib/measure.ts";
import { ratesOf } from "../lib/rate.ts";
import { ratioOfRounds } from "../lib/statistics.ts";
import type { Ladder, Layer, Rung } from "./rung.ts";

/** One line of a table. */
export interface Row {
  op: string;
  layer: string;
  pass: string;
  rung: number;
  name: string;
  ships: boolean;
  milliseconds: number;
  /** 10^9 operations or bytes per second. */
  rate: number;
  /** The rate as a share of the ceiling that was measured in the same rounds. */
  share: number;
  /**
   * The time of the previous rung on this layer and pass, divided by this rung's time; null for the first
   * rung.
   */
  speedup: number | null;
  /**
   * The error of the result against float64: root mean square of the difference, relative to the result's.
   */
  error: number;
}

const NAIVE_TOLERANCE = 1e-4;
const RUNG_TOLERANCE = 2e-5;

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let [squares, differences] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    squares += expected[i] ** 2;
    differences += (actual[i] - expected[i]) ** 2;
  }
  return Math.sqrt(differences / squares);
}

/**
 * One pass of a rung on given inputs: `run` computes it and keeps nothing, `result` returns a copy of the
 * result.
 */
export class Pass {
  readonly #op: Op;
  readonly #input: number | "forward";
  readonly #inputs: (NDArray | null)[];
  readonly #gradient: NDArray;

  constructor(op: Op, input: number | "forward", inputs: Tensor[], gradient: Tensor) {
    this.#op = op;
    this.#input = input;
    this.#inputs = inputs.map((x) => x.array);
    this.#gradient = gradient.array;
    op.needs = this.#inputs.map((_, i) => i === input);
    if (input === "forward") return;
    withFrame(() => {
      op.forward(...this.#arguments());
      // retained as long as the process runs, which measures a single layer
      for (const array of op.saved) array?.block.retain();
    });
  }

  #arguments(): (NDArray | null)[] {
    return this.#op.name.startsWith("conv") ? [...this.#inputs, null] : this.#inputs; // without a bias
  }

  #compute(): NDArray {
    if (this.#input !== "forward") return this.#op.backward(this.#gradient)[this.#input]!;
    const result = this.#op.forward(...this.#arguments());
    return Array.isArray(result) ? result[0] : result;
  }

  run(): void {
    withFrame(() => void this.#compute());
  }

  result(): Float64Array {
    return withFrame(() => Float64Array.from(this.#compute().view()));
  }
}

/** Random inputs with a smooth distribution, the same in each run. */
function inputsOf(layer: Layer): Tensor[] {
  manualSeed(1);
  return layer.shapes.map((shape) => randn(shape));
}

/** A random gradient with the shape of the result of `op` on a layer's inputs. */
function gradientFor(rung: Rung, layer: Layer, inputs: Tensor[]): Tensor {
  const op = rung.op(layer.options);
  op.needs = inputs.map(() => false);
  const shape = withFrame(() => {
    const result = op.forward(...inputs.map((x) => x.array), null);
    return [...(Array.isArray(result) ? result[0] : result).shape];
  });
  return randn(shape);
}

export interface Selection {
  /** Rungs to time. Each is checked against the naive rung, even if that is not timed. */
  rungs: Rung[];
  passes: string[];
  /** Called for each rung whose result is right, before anything is timed. */
  afterCheck?(rung: Rung, error: number): void;
}

/** Checks and times the rungs of a ladder on one layer. */
export function measureLayer(
  ladder: Ladder,
  layer: Layer,
  { rungs, passes, afterCheck }: Selection,
  ceiling: Ceiling,
  plan: Plan,
): Row[] {
  const inputs = inputsOf(layer);
  const naive = ladder.rungs[0];
  const gradient = gradientFor(naive, layer, inputs);
  const doubles = inputs.map((x) => Float64Array.from(x.data()));
  const expected = ladder.reference(layer, doubles, () => Float64Array.from(gradient.data()));
  return passes.flatMap((pass) => {
    const input = ladder.passes[pass];
    const exact = expected[input === "forward" ? 0 : input + 1];
    const where = (rung: Rung) => `${ladder.op} ${layer.name} ${pass}, rung ${rung.number} (${rung.name})`;
    const passOf = (rung: Rung) => new Pass(rung.op(layer.options), input, inputs, gradient);
    const fromNaive = passOf(naive).result();
    demand(where(naive), "float64", relativeError(fromNaive, exact), NAIVE_TOLERANCE);
    const candidates = rungs.filter((rung) => rung.passes.includes(pass) && (rung.supports?.(layer) ?? true));
    const measured = candidates.map((rung) => {
      const runner = passOf(rung);
      const result = runner.result();
      demand(where(rung), "the naive rung", relativeError(result, fromNaive), RUNG_TOLERANCE);
      const error = relativeError(result, exact);
      afterCheck?.(rung, error);
      return { rung, runner, error };
    });
    const work = ladder.unit === "GFLOP/s" ? { flops: layer.work } : { bytes: layer.work };
    const bodies = measured.map(
      ({ runner }) =>
        () =>
          runner.run(),
    );
    const timed = ratesOf(bodies, work, ceiling, plan);
    return measured.map(({ rung, error }, i) => ({
      op: ladder.op,
      layer: layer.name,
      pass,
      rung: rung.number,
      name: rung.name,
      ships: rung.ships,
      milliseconds: timed[i].rate.ms,
      rate: timed[i].rate.rate,
      share: timed[i].rate.share.median,
      speedup: i === 0 ? null : ratioOfRounds(timed[i - 1].rounds, timed[i].rounds).median,
      error,
    }));
  });
}

function demand(what: string, against: string, error: number, tolerance: number): void {
  if (!(error <= tolerance)) throw new Error(`${what}: differs from ${against} by ${error}: nothing is timed`);
}
