import { NULL } from "../../runtime/address.ts";
import { empty, expectInt32, expectSameShape, type NDArray } from "../core/array.ts";
import { type Attributes, type Gradients, Op } from "../core/op.ts";
import { launch } from "./kernels.ts";
import {
  packStateWeight,
  prepareLaunch,
  readSizes,
  type Sizes,
  stateRows,
  statesBefore,
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
    const gates = empty([steps, batch, 5 * hidden]);
    const h = stateRows(sizes, h0, this.#reverse);
    const c = stateRows(sizes, c0, this.#reverse);
    const panels = packStateWeight(sizes, weight, "forward");
    const { grain, sizes: table, work } = prepareLaunch(sizes, this.#reverse, "forward");
    const arrays = [gx.address, panels, gates.address, h.address, c.address, out.address] as const;
    launch("lstmSequence", batch, grain, table, ...arrays, lengths?.address ?? NULL, work, grain);
    this.save(weight, gates, h, c, lengths);
    return out;
  }

  override backward(dy: NDArray): Gradients {
    const [weight, gates, h, c] = this.saved as NDArray[];
    const sizes = this.#sizes;
    const { steps, batch, hidden } = sizes;
    const dGates = empty([steps, batch, 4 * hidden]);
    const [dh, dc] = [empty([batch, hidden]), empty([batch, hidden])];
    const panels = packStateWeight(sizes, weight, "backward");
    const { grain, sizes: table, work } = prepareLaunch(sizes, this.#reverse, "backward");
    const arrays = [panels, gates.address, c.address, dy.address, dGates.address, dh.address, dc.address] as const;
    launch("lstmSequenceGrad", batch, grain, table, ...arrays, this.saved[4]?.address ?? NULL, work, grain);
    const before = statesBefore(sizes, h, this.#reverse);
    return [dGates, this.needs[1] ? weightGradient(sizes, dGates, before) : null, dh, dc, null];
  }
}
