import { NULL } from "../../runtime/address.ts";
import { kernels, launch } from "../../runtime/kernels.ts";
import { empty, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
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
 * The steps of one direction of a plain recurrent layer, after the product of the inputs: gx = x weightIhᵀ +
 * both biases [T,N,H]; weightHh [H,H]; state h [N,H]; lengths [N] int32 or null. The result [T+1,N,H] has the
 * outputs and the last h.
 */
export class Rnn extends Op {
  readonly name = "rnn";
  readonly #relu: boolean;
  readonly #reverse: boolean;
  #sizes!: Sizes;

  constructor(nonlinearity: "tanh" | "relu", reverse: boolean) {
    super();
    this.#relu = nonlinearity === "relu";
    this.#reverse = reverse;
  }

  get attributes(): Attributes {
    return { nonlinearity: this.#relu ? "relu" : "tanh", reverse: this.#reverse };
  }

  override get required(): number {
    return 3;
  }

  forward(gx: NDArray, weight: NDArray, h0: NDArray, lengths: NDArray | null): NDArray {
    const sizes = readSizes(this.name, 1, gx, weight, [h0]);
    checkLengths(this.name, lengths, sizes);
    this.#sizes = sizes;
    const { steps, batch, hidden } = sizes;
    const out = empty([steps + 1, batch, hidden]);
    const h = StateRows.of(sizes, h0, this.#reverse);
    const hg = productScratch(sizes);
    const [relu, over] = [Number(this.#relu), lengths?.address ?? NULL];
    for (const t of order(steps, this.#reverse)) {
      multiplyState(sizes, h.before(t), weight, null, hg);
      const rows = [stepOf(gx, t), hg, h.before(t), h.after(t), stepOf(out, t)] as const;
      launch("rnnStep", batch, sampleGrain(sizes), hidden, ...rows, relu, over, t);
    }
    kernels().copyBytes(stepOf(out, steps), h.last, batch * hidden * 4);
    this.save(weight, h.array, lengths);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [weight, hRows] = this.saved as NDArray[];
    const [relu, over] = [Number(this.#relu), this.saved[2]?.address ?? NULL];
    const sizes = this.#sizes;
    const { steps, batch, hidden } = sizes;
    const h = new StateRows(hRows, this.#reverse);
    const dGates = empty([steps, batch, hidden]);
    const dh = empty([batch, hidden]);
    kernels().copyBytes(dh.address, stepOf(dy, steps), batch * hidden * 4);
    for (const t of order(steps, !this.#reverse)) {
      const rows = [h.after(t), stepOf(dy, t), dh.address, stepOf(dGates, t)] as const;
      launch("rnnStepGrad", batch, sampleGrain(sizes), hidden, ...rows, relu, over, t);
      addThroughWeight(sizes, stepOf(dGates, t), weight, dh.address);
    }
    return [dGates, this.needs[1] ? weightGradient(sizes, dGates, h.allBefore) : null, dh, null];
  }
}
