import { checkInteger, describe } from "../checks.ts";
import { DistributedError, OptionError } from "../errors.ts";
import { empty, expectFloat } from "../ops/core/array.ts";
import { offset } from "../runtime/address.ts";
import { kernels } from "../runtime/kernels.ts";
import { leaf } from "../tensor/leaf.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type StopSignal, StopSignals } from "./stop_signals.ts";
import type { Transport } from "./transport.ts";
import { sumOverRanks, TreePlan } from "./tree.ts";
import { type FlatVector, VectorPool } from "./vector_pool.ts";

/** A rank's place on its machine. */
export interface HostPlace {
  localRank: number;
  /** The name of the machine. */
  host: string;
}

/**
 * The processes that train together: `initProcessGroup` makes it. All ranks must call the same functions in
 * the same order; each function waits until all ranks have called it. The names are those of
 * `torch.distributed`.
 *
 * A group of one process, outside a launcher, needs neither koffi nor MPI, and gives the same bits.
 *
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { initProcessGroup } from "wasmgrad/distributed";
 * const group = initProcessGroup(); // mpirun -n 4 node program.js
 * const x = tensor([group.rank + 1]);
 * group.allReduce(x);
 * console.log(group.rank, group.worldSize, x.item()); // 0 1 1
 * ```
 */
export class ProcessGroup {
  /** This process' number in the group, counted from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly worldSize: number;
  /** This process' number among those of the group that run on the same machine. */
  readonly localRank: number;
  /** The name of this machine. */
  readonly host: string;
  /** The library that carries the messages; "" in a group of one. */
  readonly library: string;
  /** @internal */
  readonly signals = new StopSignals();
  readonly #transport: Transport | null;
  readonly #plan: TreePlan;
  readonly #pool = new VectorPool();
  #isDestroyed = false;

  /** @internal Use `initProcessGroup`. */
  constructor(transport: Transport | null, { localRank, host }: HostPlace) {
    this.#transport = transport;
    this.rank = transport?.rank ?? 0;
    this.worldSize = transport?.worldSize ?? 1;
    this.library = transport?.library ?? "";
    this.localRank = localRank;
    this.host = host;
    this.#plan = new TreePlan(this.worldSize, this.worldSize);
  }

  /** Whether `destroy` was called. */
  get isDestroyed(): boolean {
    return this.#isDestroyed;
  }

  /** The signal, SIGINT or SIGTERM, by which a rank was asked to stop training; null if none was. */
  get stopSignal(): StopSignal | null {
    return this.signals.agreed;
  }

  /**
   * Waits until all ranks have come to the same place. Returns the maximum over all ranks of each value.
   *
   * @internal
   */
  meet(name: string, size: number, values: readonly number[] = []): readonly number[] {
    if (this.#isDestroyed) throw new DistributedError(`${name}: the process group was destroyed`);
    return this.#transport ? Array.from(this.#transport.meet({ name, size }, values)) : values;
  }

  /** Waits until all ranks have called it. */
  barrier(): void {
    this.meet("barrier", 0);
  }

  /**
   * Overwrites a tensor with rank `src`'s, which has the same shape.
   *
   * @throws OptionError for anything but a tensor and a rank.
   */
  broadcast(tensor: Tensor, src = 0): void {
    const { array } = expectTensor("broadcast", tensor);
    checkInteger("broadcast", "src", src, 0, this.worldSize - 1);
    this.meet(`broadcast from rank ${src}`, array.size);
    if (this.worldSize === 1) return;
    this.#transport?.broadcast(array.address, array.size, src);
    array.block.version++;
  }

  /**
   * Overwrites a float32 tensor with the sum over all ranks, which have the same shape. The order of the sum
   * is a fixed tree, so all runs with as many ranks give the same bits.
   *
   * @throws OptionError for anything but a tensor; DTypeError unless it is float32.
   */
  allReduce(tensor: Tensor): void {
    const { array } = expectTensor("allReduce", tensor);
    expectFloat("allReduce", array);
    this.meet("allReduce", array.size);
    if (this.worldSize === 1) return;
    this.sum(this.#plan, [{ address: array.address, length: array.size }], array.size, this.#pool);
    array.block.version++;
  }

  /** @internal The sum of all ranks' partial sums: see `sumOverRanks`. All ranks have met before. */
  sum(plan: TreePlan, partials: readonly FlatVector[], length: number, pool: VectorPool): FlatVector {
    const exchanges = sumOverRanks(plan, this.rank, partials, length, pool);
    for (let next = exchanges.next(); ; next = exchanges.next()) {
      if (next.done) return next.value;
      this.#transport?.exchange(next.value);
    }
  }

  /**
   * The tensors of all ranks, by rank, which have the same shape and dtype.
   *
   * @throws OptionError for anything but a tensor.
   */
  allGather(tensor: Tensor): Tensor[] {
    const { array } = expectTensor("allGather", tensor);
    this.meet(`allGather of ${array.dtype}`, array.size);
    const { worldSize } = this;
    const all = this.#pool.take(array.size * worldSize);
    const bytes = 4 * array.size;
    const part = (rank: number) => offset(all.address, rank * bytes);
    kernels().copyBytes(part(this.rank), array.address, bytes);
    const lengths = new Int32Array(worldSize).fill(array.size);
    const offsets = Int32Array.from({ length: worldSize }, (_, rank) => rank * array.size);
    this.#transport?.exchange({ kind: "gather", vector: all.address, lengths, offsets });
    const tensors = Array.from({ length: worldSize }, (_, rank) =>
      leaf(() => {
        const own = empty(array.shape, array.dtype);
        kernels().copyBytes(own.address, part(rank), bytes);
        return own;
      }),
    );
    this.#pool.release();
    return tensors;
  }

  /**
   * The values of all ranks, by rank: anything that JSON can represent. Matches
   * `torch.distributed.all_gather_object`.
   */
  allGatherObject<T>(value: T): T[] {
    this.meet("allGatherObject", 0);
    if (!this.#transport) return [value];
    const texts = this.#transport.gatherBytes(new TextEncoder().encode(JSON.stringify(value ?? null)));
    return texts.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T);
  }

  /**
   * Leaves the group, when all ranks do so. The end of the program does so automatically. A group of MPI
   * cannot be made again in the same process.
   */
  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#pool.release();
    this.#transport?.end();
  }
}

function expectTensor(op: string, tensor: Tensor): Tensor {
  if (tensor instanceof Tensor) return tensor;
  throw new OptionError(`${op}: expected a tensor, got ${describe(tensor)}`);
}
