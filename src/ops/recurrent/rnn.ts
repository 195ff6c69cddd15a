import { NULL } from "../../runtime/address.ts";
import { empty, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { launch } from "./kernels.ts";
import { checkLengths } from "./lstm.ts";
import {
  packStateWeight,
  prepareLaunch,
  readSizes,
  type Sizes,
  stateRows,
  statesBefore,
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
    const h = stateRows(sizes, h0, this.#reverse);
    const panels = packStateWeight(sizes, weight, "forward");
    const { grain, sizes: table, work } = prepareLaunch(sizes, this.#reverse, "forward");
    const arrays = [gx.address, panels, h.address, out.address] as const;
    launch("rnnSequence", batch, grain, table, ...arrays, Number(this.#relu), lengths?.address ?? NULL, work, grain);
    this.save(weight, h, lengths);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [weight, h] = this.saved as NDArray[];
    const sizes = this.#sizes;
    const { steps, batch, hidden } = sizes;
    const dGates = empty([steps, batch, hidden]);
    const dh = empty([batch, hidden]);
    const panels = packStateWeight(sizes, weight, "backward");
    const { grain, sizes: table, work } = prepareLaunch(sizes, this.#reverse, "backward");
    const arrays = [panels, h.address, dy.address, dGates.address, dh.address, Number(this.#relu)] as const;
    launch("rnnSequenceGrad", batch, grain, table, ...arrays, this.saved[2]?.address ?? NULL, work, grain);
    const before = statesBefore(sizes, h, this.#reverse);
    return [dGates, this.needs[1] ? weightGradient(sizes, dGates, before) : null, dh, null];
  }
}
