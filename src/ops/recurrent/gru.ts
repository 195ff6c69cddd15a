import { NULL } from "../../runtime/address.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import { empty, expectFloat, expectSameShape, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { sumTo } from "../reduce/sum.ts";
import { checkLengths } from "./lstm.ts";
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

/**
 * The steps of one direction of a GRU layer, after the product of the inputs: gx = x weightIhᵀ + biasIh
 * [T,N,3H]; weightHh [3H,H]; state h [N,H]; biasHh [3H] or null; lengths [N] int32 or null. The result
 * [T+1,N,H] has the outputs and the last h.
 */
export class Gru extends Op {
  readonly name = "gru";
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
    return 3;
  }

  forward(gx: NDArray, weight: NDArray, h0: NDArray, bias: NDArray | null, lengths: NDArray | null): NDArray {
    const sizes = readSizes(this.name, 3, gx, weight, [h0]);
    checkLengths(this.name, lengths, sizes);
    expectFloat(this.name, bias);
    const { steps, batch, hidden } = sizes;
    if (bias) expectSameShape(this.name, "biasHh", [3 * hidden], bias.shape);
    this.#sizes = sizes;
    const out = empty([steps + 1, batch, hidden]);
    const gates = empty([steps, batch, 4 * hidden]);
    const h = StateRows.of(sizes, h0, this.#reverse);
    const hg = productScratch(sizes);
    const over = lengths?.address ?? NULL;
    for (const t of order(steps, this.#reverse)) {
      multiplyState(sizes, h.before(t), weight, bias, hg);
      const rows = [stepOf(gx, t), hg, stepOf(gates, t), h.before(t), h.after(t), stepOf(out, t)] as const;
      launch("gruStep", batch, sampleGrain(sizes), hidden, ...rows, over, t);
    }
    kernels().copyBytes(stepOf(out, steps), h.last, batch * hidden * 4);
    this.save(weight, gates, h.array, lengths);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [weight, gates, hRows] = this.saved as NDArray[];
    const over = this.saved[3]?.address ?? NULL;
    const sizes = this.#sizes;
    const { steps, batch, hidden } = sizes;
    const h = new StateRows(hRows, this.#reverse);
    const dGx = empty([steps, batch, 3 * hidden]);
    const dHg = empty([steps, batch, 3 * hidden]);
    const dh = empty([batch, hidden]);
    kernels().copyBytes(dh.address, stepOf(dy, steps), batch * hidden * 4);
    for (const t of order(steps, !this.#reverse)) {
      const rows = [stepOf(gates, t), h.before(t), stepOf(dy, t), dh.address, stepOf(dGx, t), stepOf(dHg, t)] as const;
      launch("gruStepGrad", batch, sampleGrain(sizes), hidden, ...rows, over, t);
      addThroughWeight(sizes, stepOf(dHg, t), weight, dh.address);
    }
    return [
      dGx,
      this.needs[1] ? weightGradient(sizes, dHg, h.allBefore) : null,
      dh,
      this.needs[3] ? sumTo(dHg, [3 * hidden]) : null,
      null,
    ];
  }
}
