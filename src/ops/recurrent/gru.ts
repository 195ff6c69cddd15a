import { NULL } from "../../runtime/address.ts";
import { empty, expectFloat, expectSameShape, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { sumTo } from "../reduce/sum.ts";
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
    const h = stateRows(sizes, h0, this.#reverse);
    const panels = packStateWeight(sizes, weight, "forward");
    const { grain, sizes: table, work } = prepareLaunch(sizes, this.#reverse, "forward");
    const arrays = [gx.address, panels, bias?.address ?? NULL, gates.address, h.address, out.address] as const;
    launch("gruSequence", batch, grain, table, ...arrays, lengths?.address ?? NULL, work, grain);
    this.save(weight, gates, h, lengths);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [weight, gates, h] = this.saved as NDArray[];
    const sizes = this.#sizes;
    const { steps, batch, hidden } = sizes;
    const [dGx, dHg] = [empty([steps, batch, 3 * hidden]), empty([steps, batch, 3 * hidden])];
    const dh = empty([batch, hidden]);
    const panels = packStateWeight(sizes, weight, "backward");
    const { grain, sizes: table, work } = prepareLaunch(sizes, this.#reverse, "backward");
    const arrays = [panels, gates.address, h.address, dy.address, dGx.address, dHg.address, dh.address] as const;
    launch("gruSequenceGrad", batch, grain, table, ...arrays, this.saved[3]?.address ?? NULL, work, grain);
    return [
      dGx,
      this.needs[1] ? weightGradient(sizes, dHg, statesBefore(sizes, h, this.#reverse)) : null,
      dh,
      this.needs[3] ? sumTo(dHg, [3 * hidden]) : null,
      null,
    ];
  }
}
