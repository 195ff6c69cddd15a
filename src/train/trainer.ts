// Long because it is one class, whose parts share its private state.
import { checkInteger, isAsyncFunction, readOptions } from "../checks.ts";
import type { Batches } from "../data/batches.ts";
import type { DataLoaderState } from "../data/data_loader.ts";
import type { ShardedBatch } from "../data/shards.ts";
import { WasmgradError } from "../errors.ts";
import { allOrNothing } from "../io/all_or_nothing.ts";
import type { Generator as RandomGenerator } from "../tensor/generator.ts";
import type { Scope } from "../tensor/lifetime/scope.ts";
import { asTask } from "../tensor/lifetime/scoped.ts";
import { AsyncPart } from "./async_part.ts";
import { CallbackList } from "./callback_list.ts";
import { checkFinite, checkParts, readNumbers } from "./checks.ts";
import { EpochStatistics } from "./epoch_statistics.ts";
import type { EpochEntry, LogEntry } from "./log.ts";
import { OwnGenerator } from "./own_generator.ts";
import { ShardedTraining } from "./sharded_training.ts";
import { stepAfterEpoch } from "./step_scheduler.ts";
import { type Callback, NO_OPTIONS, type TrainerOptions, type TrainingProgress } from "./trainer_options.ts";
import { checkTrainerState, statefulOptions, type TrainerState } from "./trainer_state.ts";
import { type InTurns, inOneTurn, inScope, trainingStep } from "./training_step.ts";
import { TurnRunner } from "./turn_runner.ts";
import { beginTurn, nextTask } from "./turns.ts";
import { validation } from "./validation.ts";

/**
 * The training loop: batches, steps, validation, a log. It can be stopped after any step and resumed with the
 * same bits, in this process (`fit` again) or another (`saveTrainer`, `resumeTrainer`). Memory does not grow.
 *
 * A trainer has a separate random `generator`. It is the default generator while the trainer's code runs (the
 * loader, the loss, dropout, `validate`, callbacks). Draws of other code do not change it.
 *
 * @throws OptionError; WasmgradError when a loss is not finite.
 * @example
 * ```ts
 * import { nn, optim, rand } from "wasmgrad";
 * import { DataLoader, TensorDataset } from "wasmgrad/data";
 * import { Trainer } from "wasmgrad/train";
 * const model = new nn.Linear(3, 1);
 * const x = rand([64, 3]);
 * const set = new TensorDataset(x, x.sum(1, { keepdim: true }));
 * const trainer = new Trainer({
 *   model,
 *   loader: new DataLoader(set, { batchSize: 8, shuffle: true }),
 *   optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
 *   loss: ([x, y]) => nn.functional.mseLoss(model.forward(x), y),
 *   epochs: 5,
 * });
 * await trainer.fit();
 * console.log(trainer.epochs.map(({ loss }) => loss.toFixed(3)).join(" "));
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: callbacks and checkpoints take any trainer
export class Trainer<B = any> {
  readonly options: TrainerOptions<B>;
  readonly log: LogEntry[] = [];
  readonly #random: OwnGenerator;
  readonly #logEvery: number;
  readonly #callbacks: CallbackList;
  readonly #statistics = new EpochStatistics();
  #place: TrainingProgress = { epoch: 0, step: 0 };
  #seconds = 0;
  /** Learning rate of the last step. */
  #rate = 0;
  readonly #turns: TurnRunner;
  /** Null if batches are not cut into shards. */
  readonly #sharded: ShardedTraining<B> | null;
  /** Whether the functions are asynchronous. They then begin in a task whose microtasks are theirs alone. */
  readonly #isAsync: { loss: boolean; validate: boolean };
  #stopped = false;
  #finishing = false;
  #finished = false;

  constructor(options: TrainerOptions<B>) {
    const given = readOptions("Trainer", options, NO_OPTIONS as object as TrainerOptions<B>);
    checkParts(given);
    const { loader, epochs, logEvery, generator } = given;
    checkInteger("Trainer", "epochs", epochs, 0);
    this.options = options;
    this.#isAsync = { loss: isAsyncFunction(given.loss), validate: isAsyncFunction(given.validate) };
    this.#callbacks = new CallbackList(options);
    this.#random = new OwnGenerator(generator);
    this.#turns = new TurnRunner(this.generator);
    const isSharded = given.shards !== undefined || given.group !== undefined || given.localSteps !== undefined;
    this.#sharded = isSharded ? new ShardedTraining(options, this.#isAsync.loss) : null;
    this.#logEvery = checkInteger("Trainer", "logEvery", logEvery ?? Math.ceil(loader.length / 20), 1);
  }

  /** Adds a callback whose state is not saved. Returns a function that removes it. */
  watch(callback: Callback): () => void {
    return this.#callbacks.watch(callback);
  }

  /** The generator of the trainer's random numbers. */
  get generator(): RandomGenerator {
    return this.#random.generator;
  }

  /** The numbers of completed epochs and steps. */
  get place(): Readonly<TrainingProgress> {
    return this.#place;
  }

  /** True once training has ended for good: after the last epoch, or after `finish()`. */
  get finished(): boolean {
    return this.#finished;
  }

  /** The log's entries of completed epochs. */
  get epochs(): EpochEntry[] {
    return this.log.filter((entry): entry is EpochEntry => entry.kind === "epoch");
  }

  /**
   * Means of the numbers of the running epoch's steps so far, by name: `{ loss: … }`. Empty before the first
   * step.
   */
  get epochMeans(): Record<string, number> {
    return this.#statistics.means;
  }

  /** Pauses: `fit` ends after the running step, and a later `fit` continues from there. */
  stop(): void {
    this.#stopped = true;
  }

  /** Ends training for good after the running epoch, as early stopping does. */
  finish(): void {
    this.#finishing = true;
  }

  /**
   * Trains until the last epoch is done, or until `stop()`. It lets the event loop run other tasks about
   * every 50 ms, so the process can handle signals. On a page it does so after 10 ms, also within a step,
   * between two operations.
   *
   * @throws whatever the loss, a callback or an operation throws.
   */
  fit(): Promise<void> {
    return asTask(() => this.#run());
  }

  async #run(): Promise<void> {
    if (this.#turns.isRunning) throw new WasmgradError("Trainer.fit: an earlier call is still running; await it first");
    const giveBack = this.#random.begin();
    let unwatch: (() => void) | undefined;
    try {
      unwatch = this.#sharded?.begin(this.#place, this.generator);
      await this.#turns.run(this.#fit());
    } finally {
      unwatch?.();
      giveBack();
    }
  }

  *#fit(): InTurns<void> {
    this.#stopped = false;
    const { model, epochs } = this.options;
    this.#callbacks.call("onBegin", (callback) => callback.onBegin?.(this));
    while (this.#place.epoch < epochs) {
      const stops = this.#stopsNow();
      if (this.#finishing) break;
      if (stops) return;
      model.train();
      const ended = yield* this.#runEpoch();
      if (!ended) return;
      if (this.#isAsync.validate) yield nextTask;
      yield* this.#turns.step(this.#endEpoch());
    }
    if (this.#finished) return;
    this.#finished = true;
    this.#callbacks.call("onFinish", (callback) => callback.onFinish?.(this));
  }

  /** Whether training stops. All ranks of a group do so together, and learn whether one wants to finish. */
  #stopsNow(): boolean {
    const agreed = this.#sharded?.agree(this.#stopped, this.#finishing);
    if (agreed) [this.#stopped, this.#finishing] = agreed;
    return agreed !== null && this.#stopped;
  }

  /**
   * One step: loss, gradients, update. Returns the numbers for the log. Override it to train in another way,
   * for example with two optimizers. What overrides it is never interrupted.
   *
   * @throws OptionError for an asynchronous loss.
   */
  protected trainStep(batch: B): Record<string, number> {
    const lossPart = new AsyncPart(this.generator, null); // refused
    return inOneTurn(trainingStep(this.options, batch, this.#place, lossPart));
  }

  *#trainStep(batch: B, scope: Scope | null): InTurns<Record<string, number>> {
    if (this.trainStep !== Trainer.prototype.trainStep) {
      const numbers = this.trainStep(batch);
      readNumbers("trainStep", numbers); // a subclass returned them, so they must be checked
      return numbers;
    }
    if (this.#sharded) return yield* this.#sharded.step(batch as ShardedBatch<B>, this.#place, this.generator);
    const lossPart = new AsyncPart(this.generator, scope);
    const numbers = yield* trainingStep(this.options, batch, this.#place, lossPart);
    this.#isAsync.loss ||= lossPart.isUsed;
    return numbers;
  }

  /** Runs the rest of an epoch. Returns false if `stop()` ended it before its last step. */
  *#runEpoch(): InTurns<boolean> {
    const { loader } = this.options;
    let pausedAt: DataLoaderState | null = null;
    this.#turns.takeSeconds(); // the time since the last step is not counted
    const batches = loader.batches({ entered: false, part: this.#sharded?.part });
    try {
      while (!pausedAt && batches.begin()) {
        const wait = batches.ready();
        if (wait) {
          yield () => wait;
          beginTurn();
        }
        if (this.#isAsync.loss) yield nextTask;
        yield* this.#turns.step(inScope(batches.scope, this.#runBatch(batches)));
        const state = loader.stateDict();
        if (this.#stopsNow() && state.position < loader.length) pausedAt = state;
      }
    } finally {
      batches.end();
    }
    yield () => batches.end();
    if (pausedAt) loader.loadStateDict(pausedAt);
    return pausedAt === null;
  }

  *#runBatch(batches: Batches<B>): InTurns<void> {
    const batch = batches.take();
    const place = this.#place;
    this.#rate = this.options.optimizer.paramGroups[0].lr;
    const numbers = yield* this.#trainStep(batch, batches.scope);
    place.step++;
    checkFinite(place.step, numbers);
    this.#statistics.add(numbers);
    this.#seconds += this.#turns.takeSeconds();
    this.#callbacks.call("onStep", (callback) => callback.onStep?.(this, numbers));
    if (place.step % this.#logEvery === 0) this.#write("step", this.#statistics.endEntry());
  }

  *#endEpoch(): InTurns<void> {
    this.#place.epoch++;
    this.#turns.takeSeconds(); // callbacks are not counted
    this.#sharded?.join();
    const valid = yield* validation(this.options, this.#place, this.generator);
    this.#seconds += this.#turns.takeSeconds();
    const { means } = this.#statistics;
    const numbers = { ...(this.#sharded?.means(means) ?? means), ...valid };
    stepAfterEpoch(this.options, numbers);
    const entry = this.#write("epoch", numbers) as EpochEntry;
    this.#statistics.endEpoch();
    this.#callbacks.call("onEpoch", (callback) => callback.onEpoch?.(this, entry));
  }

  #write(kind: LogEntry["kind"], numbers: Record<string, number>): LogEntry {
    const { epoch: done, step } = this.#place;
    const epoch = kind === "step" ? done + 1 : done;
    const entry = { kind, epoch, step, lr: this.#rate, seconds: this.#seconds, ...numbers } as LogEntry;
    this.log.push(entry);
    this.#callbacks.call("onEntry", (callback) => callback.onEntry?.(this, entry));
    return entry;
  }

  /** The complete state, after the end of the step that runs. */
  stateDict(): TrainerState {
    this.#turns.endStep("Trainer.stateDict");
    const states = Object.entries(statefulOptions(this.options)).map(([name, option]) => [name, option.stateDict()]);
    return {
      place: { ...this.#place },
      finishing: this.#finishing,
      finished: this.#finished,
      seconds: this.#seconds,
      sums: this.#statistics.state(),
      log: structuredClone(this.log),
      loader: this.options.loader.stateDict(),
      generator: this.#random.state(),
      states: Object.fromEntries(states),
    };
  }

  /**
   * Restores a result of `stateDict()`. Finished training continues if this trainer has more `epochs`, unless
   * `finish()` ended the training.
   *
   * @throws StateDictError when the state belongs to a different training run. Nothing changes in that case.
   */
  loadStateDict(state: TrainerState): void {
    this.#turns.endStep("Trainer.loadStateDict");
    const stateful = statefulOptions(this.options);
    checkTrainerState(state, Object.keys(stateful));
    const { place, finishing, finished, seconds, sums, log, loader, states } = state;
    const setGenerator = this.#random.load(state.generator);
    allOrNothing("Trainer.loadStateDict", [...Object.values(stateful), this.options.loader], () => {
      for (const [name, option] of Object.entries(stateful)) option.loadStateDict(states[name]);
      this.options.loader.loadStateDict(loader);
    });
    setGenerator();
    this.#place = { epoch: place.epoch, step: place.step };
    this.#finishing = finishing;
    this.#finished = finished && (finishing || place.epoch >= this.options.epochs);
    this.#seconds = seconds;
    this.#statistics.load(sums);
    this.log.length = 0;
    for (const entry of log) this.log.push({ ...entry });
  }
}
