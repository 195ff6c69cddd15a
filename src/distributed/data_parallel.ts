import { describe, readOptions } from "../checks.ts";
import { partOf } from "../data/sharded.ts";
import { type ShardedBatch, type ShardsToLoad, weightOfShard } from "../data/shards.ts";
import { OptionError } from "../errors.ts";
import { checkModule, type Module } from "../nn/module.ts";
import { full } from "../tensor/fill.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { FlatGradients } from "./flat_gradients.ts";
import { ProcessGroup } from "./process_group.ts";
import { ShardStart } from "./shard_start.ts";
import { StepNumbers } from "./step_numbers.ts";
import { addTo, splitOf, TreePlan } from "./tree.ts";
import { type FlatVector, VectorPool } from "./vector_pool.ts";

export interface DataParallelOptions {
  /** Number of shards of each batch. More than the ranks is right: the bits then do not depend on these. */
  shards: number;
  /** The processes that train together. Default: this process alone. */
  group?: ProcessGroup;
}

/** The loss and the gradients of a shard: adds `weight` times the gradient to the parameters'. */
export type ShardPass<B, Wait> = (part: B, weight: number) => Generator<Wait, Record<string, number>>;

/**
 * Trains a model on several processes, each of which has the whole model and computes the gradients of its
 * shards of each batch. The gradients are added up in an order that depends on the number of shards only, so
 * the weights have the same bits for any number of ranks. `Trainer` does all this by its options `group` and
 * `shards`; this class is for training loops of your own.
 *
 * A shard is computed as if it were alone: batch norm uses the statistics of the shard's samples (PyTorch's
 * behaviour without SyncBatchNorm), and the default generator is set to a state that depends on the shard's
 * number, so dropout and noise do not depend on the rank. Shards of more than the ranks are computed one
 * after the other, as in gradient accumulation, and need the memory of one.
 *
 * The constructor gives all ranks the parameters and buffers of rank 0. Matches
 * `torch.nn.parallel.DistributedDataParallel`, but gradients are computed by `backward` here.
 *
 * @throws OptionError for anything but a module, or for invalid options.
 * @example
 * ```ts
 * import { nn, optim, rand } from "wasmgrad";
 * import { DataLoader, TensorDataset } from "wasmgrad/data";
 * import { DistributedDataParallel, initProcessGroup, Sharded } from "wasmgrad/distributed";
 * const group = initProcessGroup();
 * const model = new nn.Linear(3, 1);
 * const parallel = new DistributedDataParallel(model, { group, shards: 4 });
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
 * const set = new Sharded(new TensorDataset(rand([64, 3])), { group, shards: 4 });
 * for (const batch of new DataLoader(set, { batchSize: 16 })) {
 *   const loss = parallel.backward(batch, ([x]) => model.forward(x).square().mean());
 *   optimizer.step();
 *   optimizer.zeroGrad();
 *   if (group.rank === 0) console.log(loss.toFixed(3));
 * }
 * ```
 */
export class DistributedDataParallel {
  readonly model: Module;
  readonly group: ProcessGroup;
  readonly shards: number;
  readonly #plan: TreePlan;
  readonly #part: ShardsToLoad;
  readonly #pool = new VectorPool();
  readonly #numbers: StepNumbers;
  readonly #parameters: readonly Tensor[];
  readonly #buffers: readonly Tensor[];
  #flat: { key: string; gradients: FlatGradients } | null = null;
  #steps = 0;

  /** @param also other parameters that are trained, such as those of a loss */
  constructor(model: Module, options: DataParallelOptions, also: readonly Tensor[] = []) {
    const op = "DistributedDataParallel";
    checkModule(op, "model", model);
    const given = readOptions<Partial<DataParallelOptions>>(op, options, { shards: undefined, group: undefined });
    if (given.group !== undefined && !(given.group instanceof ProcessGroup)) {
      throw new OptionError(`${op}: group expected the result of initProcessGroup(), got ${describe(given.group)}`);
    }
    this.model = model;
    this.group = given.group ?? new ProcessGroup(null, { localRank: 0, host: "" });
    this.#part = partOf(op, given.shards, this.group);
    this.shards = this.#part.shards;
    this.#plan = new TreePlan(this.shards, this.group.worldSize);
    this.#numbers = new StepNumbers(this.group);
    this.#parameters = [...new Set<Tensor>([...model.parameters(), ...also])];
    this.#buffers = model.buffers();
    for (const tensor of [...this.#parameters, ...this.#buffers]) this.group.broadcast(tensor);
  }

  /** @internal What this rank loads of each batch. */
  get part(): ShardsToLoad {
    return this.#part;
  }

  /**
   * Computes the mean loss of a batch over all ranks, and its gradients, which replace those of the
   * parameters.
   *
   * @param batch a batch of a `Sharded` data set
   * @param lossOf the mean loss of a shard's samples, a tensor of one element
   * @returns the loss
   * @throws OptionError for a batch of another number of shards.
   */
  backward<B>(batch: ShardedBatch<B>, lossOf: (part: B) => Tensor): number {
    const pass = function* (part: B, weight: number): Generator<never, { loss: number }> {
      return scope(() => {
        const loss = lossOf(part);
        loss.backward(full(loss.shape, weight));
        return { loss: loss.item() };
      });
    };
    const { value } = this.pass(batch, pass).next();
    return (value as { loss: number }).loss;
  }

  /**
   * @internal `backward` with a pass that may wait, for the Trainer. Returns the means of the numbers over
   *   all samples. `isLocal`: whether gradients and numbers are those of this rank's samples alone.
   */
  *pass<B, Wait>(
    batch: ShardedBatch<B>,
    shardPass: ShardPass<B, Wait>,
    { isLocal = false }: { isLocal?: boolean } = {},
  ): Generator<Wait, Record<string, number>> {
    this.#checkBatch(batch);
    const flat = this.#layout();
    const start = new ShardStart(this.#parameters, this.#buffers, this.#pool);
    const integers = flat.integers();
    const weights = batch.parts.map((_, i) => weightOfShard(batch.size, batch.first + i, batch.shards));
    const whole = isLocal ? weights.reduce((sum, weight) => sum + weight, 0) : 1;
    let isCounted = false; // whether a shard has given its integer buffers
    const vectorOf = function* (this: DistributedDataParallel, shard: number): Generator<Wait, FlatVector> {
      const vector = this.#pool.take(flat.length);
      const part = batch.parts[shard - batch.first];
      if (part === null) return flat.clear(vector);
      const weight = weights[shard - batch.first] / whole;
      start.begin(shard);
      const numbers = this.#numbers.inOrder(yield* shardPass(part, weight));
      const gives = isLocal ? !isCounted : shard === 0;
      isCounted = true;
      return flat.write(vector, weight, numbers, gives ? integers : null);
    }.bind(this);

    const partials: FlatVector[] = [];
    for (const range of this.#plan.subtrees[this.group.rank]) partials.push(yield* this.#sumOf(range, vectorOf));
    start.end();
    const total = isLocal ? this.#localSum(partials, flat) : this.#globalSum(partials, flat);
    const values = flat.read(total, integers);
    this.#pool.give(total);
    return this.#numbers.named(values);
  }

  /** The sum of a subtree of shards, in the order of the tree. */
  *#sumOf<Wait>(
    [first, end]: readonly [number, number],
    vectorOf: (shard: number) => Generator<Wait, FlatVector>,
  ): Generator<Wait, FlatVector> {
    if (end - first === 1) return yield* vectorOf(first);
    const split = splitOf(first, end);
    const left = yield* this.#sumOf([first, split], vectorOf);
    return this.#join(left, yield* this.#sumOf([split, end], vectorOf));
  }

  #join(left: FlatVector, right: FlatVector): FlatVector {
    addTo(left, right);
    this.#pool.give(right);
    return left;
  }

  #globalSum(partials: readonly FlatVector[], { length }: FlatGradients): FlatVector {
    this.#numbers.learn(this.group.meet(`step ${++this.#steps}`, length, this.#numbers.codes));
    return this.group.sum(this.#plan, partials, length, this.#pool);
  }

  /** The sum of this rank's shards alone. */
  #localSum(partials: readonly FlatVector[], flat: FlatGradients): FlatVector {
    if (partials.length === 0) return flat.clear(this.#pool.take(flat.length)); // a rank without shards
    return partials.reduce((left, right) => this.#join(left, right));
  }

  /** The layout of the parameters that are trained now. */
  #layout(): FlatGradients {
    const trained = this.#parameters.filter(({ requiresGrad }) => requiresGrad);
    const key = this.#parameters.map(({ requiresGrad }) => (requiresGrad ? "1" : "0")).join("");
    if (this.#flat?.key === key) return this.#flat.gradients;
    this.#pool.release();
    const gradients = new FlatGradients(trained, this.#buffers);
    this.#flat = { key, gradients };
    return gradients;
  }

  #checkBatch({ shards, first, parts }: ShardedBatch<unknown>): void {
    const own = this.#part;
    if (shards === own.shards && first === own.first && parts?.length === own.end - own.first) return;
    throw new OptionError(
      `DistributedDataParallel: batch expected shards ${own.first} to ${own.end - 1} of ${own.shards}, from a Sharded data set of the same group and number of shards, got ${describe({ shards, first, parts: parts?.length })}`,
    );
  }
}
