import { shardsOfRank } from "../data/shards.ts";
import type { Module } from "../nn/module.ts";
import { ELEMENTWISE_GRAIN } from "../ops/core/array.ts";
import { launch } from "../ops/optim/kernels.ts";
import { Tensor } from "../tensor/tensor.ts";
import { copyIn, copyOut, elementsOf } from "./flat_gradients.ts";
import type { ProcessGroup } from "./process_group.ts";
import { TreePlan } from "./tree.ts";
import { VectorPool } from "./vector_pool.ts";

/** The state of an optimizer, as its `stateDict()` returns it. */
interface WithState {
  stateDict(): object;
}

/**
 * Gives all ranks the mean of their parameters, float buffers and optimizer states, which then are the same
 * on all of them. The weight of a rank is its share of the shards.
 * see: Yu, Jin and Yang (2019), On the Linear Speedup Analysis of Communication Efficient Momentum SGD for
 * Distributed Non-Convex Optimization
 */
export class RankAverage {
  readonly #group: ProcessGroup;
  readonly #plan: TreePlan;
  readonly #pool = new VectorPool();
  readonly #weight: number;

  constructor(group: ProcessGroup, shards: number) {
    const [first, end] = shardsOfRank(group, shards);
    this.#group = group;
    this.#plan = new TreePlan(group.worldSize, group.worldSize);
    this.#weight = (end - first) / shards;
  }

  run(model: Module, optimizer: WithState): void {
    if (this.#group.worldSize === 1) return;
    const tensors = [...model.parameters(), ...model.buffers(), ...stateTensors(optimizer)];
    const floats = tensors.filter(({ dtype }) => dtype === "float32");
    const vector = this.#pool.take(elementsOf(floats));
    copyOut(floats, vector.address);
    launch("scaleInPlace", vector.length, ELEMENTWISE_GRAIN, vector.address, this.#weight);
    this.#group.meet("the mean over ranks", vector.length);
    copyIn(floats, this.#group.sum(this.#plan, [vector], vector.length, this.#pool).address);
    this.#pool.give(vector);
  }

  /** The weighted mean over ranks of numbers, which have the same names on all of them. */
  numbers(own: Record<string, number>): Record<string, number> {
    if (this.#group.worldSize === 1) return own;
    const all = this.#group.allGatherObject({ weight: this.#weight, own });
    const mean = (name: string) => all.reduce((sum, rank) => sum + rank.weight * rank.own[name], 0);
    return Object.fromEntries(Object.keys(own).map((name) => [name, mean(name)]));
  }
}

/** The tensors of an optimizer's state, in an order that all ranks have. */
function stateTensors(optimizer: WithState): Tensor[] {
  const { state = {} } = optimizer.stateDict() as { state?: Record<string, Record<string, unknown>> };
  return Object.keys(state).flatMap((number) => {
    const own = state[number];
    return Object.keys(own)
      .sort()
      .map((name) => own[name])
      .filter((value) => value instanceof Tensor);
  });
}
