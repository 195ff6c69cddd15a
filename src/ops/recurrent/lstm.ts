import { NULL } from "../../runtime/address.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import { empty, expectInt32, expectSameShape, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import {
  addThroughWeight,
  multiplyState,
  order,
  productScratch,
  readSizes,
  type Sizes,
  StateRows,
  sampleGrain,
  stepOf,
  weightGradient,
} from "./steps.ts";

/** Checks the samples' numbers of steps, [N]. */
export function checkLengths(op: string, lengths: NDArray | null, { batch }: Sizes): void {
  if (!lengths) return;
  expectInt32(op, "lengths", lengths);
  expectSameShape(op, "lengths", [batch], lengths.shape);
}

/**
 * The steps of one direction of an LSTM layer, after the product of the inputs: gx = x weightIhᵀ + both
 * biases, [T,N,4H]; weightHh [4H,H]; states h and c [N,H]; lengths [N] int32 or null. The result [T+2,N,H]
 * has the outputs, the last h and the last c.
 */
export class Lstm extends Op {
  readonly name = "lstm";
  readonly #reverse: boolean;
  #sizes!: Sizes;

  constructor(reverse: boolean) {
    super();
    this.#reverse = reverse;
  }

  get attributes(): Attributes {
    return { reverse: this.#reverse };
  }

  override get required(): number {
    return 4;
  }

  forward(gx: NDArray, weight: NDArray, h0: NDArray, c0: NDArray, lengths: NDArray | null): NDArray {
    const sizes = readSizes(this.name, 4, gx, weight, [h0, c0]);
    checkLengths(this.name, lengths, sizes);
    this.#sizes = sizes;
    const { steps, batch, hidden } = sizes;
    const out = empty([steps + 2, batch, hidden]);
    const gates = empty([steps, batch, 4 * hidden]);
    const h = StateRows.of(sizes, h0, this.#reverse);
    const c = StateRows.of(sizes, c0, this.#reverse);
    const hg = productScratch(sizes);
    const over = lengths?.address ?? NULL;
    for (const t of order(steps, this.#reverse)) {
      multiplyState(sizes, h.before(t), weight, null, hg);
      const states = [h.before(t), c.before(t), h.after(t), c.after(t)] as const;
      const rows = [stepOf(gx, t), hg, stepOf(gates, t), ...states, stepOf(out, t)] as const;
      launch("lstmStep", batch, sampleGrain(sizes), hidden, ...rows, over, t);
    }
    kernels().copyBytes(stepOf(out, steps), h.last, batch * hidden * 4);
    kernels().copyBytes(stepOf(out, steps + 1), c.last, batch * hidden * 4);
    this.save(weight, gates, h.array, c.array, lengths);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [weight, gates, hRows, cRows] = this.saved as NDArray[];
    const over = this.saved[4]?.address ?? NULL;
    const sizes = this.#sizes;
    const { steps, batch, hidden } = sizes;
    const c = new StateRows(cRows, this.#reverse);
    const dGates = empty([steps, batch, 4 * hidden]);
    const dh = empty([batch, hidden]);
    const dc = empty([batch, hidden]);
    kernels().copyBytes(dh.address, stepOf(dy, steps), batch * hidden * 4);
    kernels().copyBytes(dc.address, stepOf(dy, steps + 1), batch * hidden * 4);
    for (const t of order(steps, !this.#reverse)) {
      const saved = [stepOf(gates, t), c.before(t), c.after(t)] as const;
      const gradients = [stepOf(dy, t), dh.address, dc.address, stepOf(dGates, t)] as const;
      launch("lstmStepGrad", batch, sampleGrain(sizes), hidden, ...saved, ...gradients, over, t);
      addThroughWeight(sizes, stepOf(dGates, t), weight, dh.address);
    }
    const before = new StateRows(hRows, this.#reverse).allBefore;
    return [dGates, this.needs[1] ? weightGradient(sizes, dGates, before) : null, dh, dc, null];
  }
}
