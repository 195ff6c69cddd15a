import { checkInteger, describe } from "../checks.ts";
import { Sharded } from "../data/sharded.ts";
import type { ShardedBatch, ShardsToLoad } from "../data/shards.ts";
import { DistributedDataParallel } from "../distributed/data_parallel.ts";
import { RankAverage } from "../distributed/local_steps.ts";
import type { ProcessGroup } from "../distributed/process_group.ts";
import { OptionError } from "../errors.ts";
import type { Generator as RandomGenerator } from "../tensor/generator.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { AsyncPart } from "./async_part.ts";
import { readNumbers } from "./checks.ts";
import type { TrainerOptions, TrainingProgress } from "./trainer_options.ts";
import { type InTurns, inScope, lossAndGradients, update, type Wait } from "./training_step.ts";
import { nextTask } from "./turns.ts";

/** What a trainer does in another way if its batches are cut into shards, on one rank or several. */
export class ShardedTraining<B> {
  readonly group: ProcessGroup;
  readonly localSteps: number;
  /** What this rank loads of each batch. Undefined if the loader's data set is `Sharded` itself. */
  readonly part: ShardsToLoad | undefined;
  readonly #options: TrainerOptions<B>;
  readonly #parallel: DistributedDataParallel;
  readonly #average: RankAverage;
  /** Whether the ranks have the same weights. */
  #isJoint = true;

  /** Whether the loss is asynchronous. */
  #isAsync: boolean;

  constructor(options: TrainerOptions<B>, isAsync: boolean) {
    const { model, loader, optimizer, group } = options;
    const shards = options.shards ?? group?.worldSize ?? 1;
    const trained = optimizer.paramGroups.flatMap(({ params }) => params);
    this.#options = options;
    this.#isAsync = isAsync;
    this.#parallel = new DistributedDataParallel(model, { group, shards }, trained);
    this.group = this.#parallel.group;
    this.localSteps = checkInteger("Trainer", "localSteps", options.localSteps ?? 1, 1);
    if (this.localSteps > 1 && shards < this.group.worldSize) {
      throw new OptionError(
        `Trainer: localSteps expected a shard or more for each of the ${this.group.worldSize} ranks, got shards ${shards}`,
      );
    }
    this.#average = new RankAverage(this.group, shards);
    const { dataset } = loader;
    this.part = dataset instanceof Sharded ? undefined : this.#parallel.part;
    if (dataset instanceof Sharded && !isSame(dataset.part, this.#parallel.part)) {
      throw new OptionError(
        `Trainer: loader expected a Sharded data set of the trainer's group and ${shards} shards, got ${describe(dataset.part)}`,
      );
    }
    if (loader.padLast) throw new OptionError("Trainer: shards expected a loader without padLast");
  }

  /** Begins or continues. All ranks must do so at the same place, with the same seeds. */
  begin({ epoch, step }: TrainingProgress, generator: RandomGenerator): () => void {
    const { seed, offset } = generator.getState();
    const { seed: order, position } = this.#options.loader.stateDict();
    const place = `epoch ${epoch}, step ${step}, batch ${position}`;
    this.group.meet(`fit at ${place}, with the seeds ${seed} (${offset}) and ${order} (loader)`, step);
    return this.#options.group ? this.group.signals.watch() : () => {};
  }

  *step(
    batch: ShardedBatch<B>,
    progress: TrainingProgress,
    generator: RandomGenerator,
  ): InTurns<Record<string, number>> {
    const isLocal = this.localSteps > 1;
    const pass = (part: B, weight: number) => this.#shard(part, progress, generator, weight);
    const numbers = yield* this.#parallel.pass<B, Wait>(batch, pass, { isLocal });
    update(this.#options);
    if (isLocal) {
      this.#isJoint = false;
      if ((progress.step + 1) % this.localSteps === 0) this.join();
    }
    return numbers;
  }

  *#shard(part: B, progress: TrainingProgress, generator: RandomGenerator, weight: number) {
    const scope = new Scope("a shard", { enter: false }); // so that one shard at a time takes memory
    try {
      if (this.#isAsync) yield nextTask;
      const lossPart = new AsyncPart(generator, scope);
      const pass = lossAndGradients(this.#options, part, progress, lossPart, weight);
      const run = function* (): InTurns<Record<string, number>> {
        return readNumbers("loss", yield* pass);
      };
      const numbers = yield* inScope(scope, run());
      this.#isAsync ||= lossPart.isUsed;
      return numbers;
    } finally {
      scope.close();
    }
  }

  /** Gives all ranks the same weights again, after local steps. */
  join(): void {
    if (this.#isJoint) return;
    this.#average.run(this.#options.model, this.#options.optimizer);
    this.#isJoint = true;
  }

  /** The means of an epoch over all ranks: after local steps, each rank knows only those of its samples. */
  means(own: Record<string, number>): Record<string, number> {
    return this.localSteps > 1 ? this.#average.numbers(own) : own;
  }

  /**
   * Whether any rank wants to stop or finish, or got a signal. Null between local steps, where the ranks do
   * not meet and nothing stops.
   */
  agree(stop: boolean, finish: boolean): [stop: boolean, finish: boolean] | null {
    if (!this.#isJoint) return null;
    const { signals } = this.group;
    const [anyStop, anyFinish, signal] = this.group.meet("the end of a step", 0, [+stop, +finish, signals.own]);
    signals.agree(signal);
    return [anyStop > 0 || signal > 0, anyFinish > 0];
  }
}

function isSame(a: ShardsToLoad, b: ShardsToLoad): boolean {
  return a.shards === b.shards && a.first === b.first && a.end === b.end;
}
