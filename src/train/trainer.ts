import { noGrad } from "../autograd/grad_mode.ts";
import { checkInteger, readOptions } from "../checks.ts";
import type { DataLoaderState } from "../data/data_loader.ts";
import { WasmgradError } from "../errors.ts";
import { allOrNothing } from "../io/all_or_nothing.ts";
import { inMode } from "../nn/internal/mode.ts";
import { clipGradNorm_ } from "../nn/utils.ts";
import { type Generator as RandomGenerator, withGenerator } from "../tensor/generator.ts";
import { Scope } from "../tensor/lifetime/scope.ts";
import { asTask, scope } from "../tensor/lifetime/scoped.ts";
import { CallbackList } from "./callback_list.ts";
import { checkFinite, checkParts, readLoss, readNumbers } from "./checks.ts";
import { EpochStatistics } from "./epoch_statistics.ts";
import type { EpochEntry, LogEntry } from "./log.ts";
import { nextTask } from "./next_task.ts";
import { OwnGenerator } from "./own_generator.ts";
import { stepAfterEpoch, stepAfterStep } from "./step_scheduler.ts";
import { type Callback, NO_OPTIONS, type TrainerOptions, type TrainingProgress } from "./trainer_options.ts";
import { checkTrainerState, statefulOptions, type TrainerState } from "./trainer_state.ts";

/** Time after which `fit` yields to the event loop (signals, timers, drawing). */
const YIELD_MS = 50;

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
  /** The time when `fit` last yielded to the event loop. It is kept across epochs and includes callbacks. */
  #lastYield = 0;
  #running = false;
  #stopped = false;
  #finishing = false;
  #finished = false;

  constructor(options: TrainerOptions<B>) {
    const given = readOptions("Trainer", options, NO_OPTIONS as object as TrainerOptions<B>);
    checkParts(given);
    const { loader, epochs, logEvery, generator } = given;
    checkInteger("Trainer", "epochs", epochs, 0);
    this.options = options;
    this.#callbacks = new CallbackList(options);
    this.#random = new OwnGenerator(generator);
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
   * Trains until the last epoch is done, or until `stop()`. It yields to the event loop about every 50 ms, so
   * the process can handle signals and draw.
   */
  fit(): Promise<void> {
    return asTask(() => this.#run());
  }

  async #run(): Promise<void> {
    if (this.#running) throw new WasmgradError("Trainer.fit: an earlier call is still running; await it first");
    this.#running = true;
    this.#lastYield = performance.now();
    const giveBack = this.#random.begin();
    const steps = this.#fit();
    try {
      // the trainer's generator is the default generator between two waits, but not during them
      while (true) {
        const { done, value: wait } = withGenerator(this.generator, () => steps.next());
        if (done) return;
        await wait();
      }
    } finally {
      steps.return(); // after an error while it waited
      this.#running = false;
      giveBack();
    }
  }

  /** Yields functions whose promises the caller awaits. */
  *#fit(): Generator<() => Promise<void>, void> {
    this.#stopped = false;
    const { model, epochs } = this.options;
    this.#callbacks.call("onBegin", (callback) => callback.onBegin?.(this));
    while (!this.#finishing && this.#place.epoch < epochs) {
      if (this.#stopped) return;
      model.train();
      const ended = yield* this.#runEpoch();
      if (!ended) return;
      this.#endEpoch();
    }
    if (this.#finished) return;
    this.#finished = true;
    this.#callbacks.call("onFinish", (callback) => callback.onFinish?.(this));
  }

  /**
   * One step: loss, gradients, update. Returns the numbers for the log. Override it to train in another way,
   * for example with two optimizers.
   */
  protected trainStep(batch: B): Record<string, number> {
    const { optimizer, average, clipNorm, loss } = this.options;
    const numbers = readLoss(loss(batch, this.#place));
    optimizer.zeroGrad();
    numbers.loss.backward();
    const params = optimizer.paramGroups.flatMap((group) => group.params);
    if (clipNorm !== undefined) clipGradNorm_(params, clipNorm);
    optimizer.step();
    stepAfterStep(this.options);
    average?.update();
    return readNumbers("loss", numbers);
  }

  /** Runs the rest of an epoch. Returns false if `stop()` ended it before its last step. */
  *#runEpoch(): Generator<() => Promise<void>, boolean> {
    const { loader, optimizer } = this.options;
    const place = this.#place;
    let since = performance.now();
    const countTime = () => {
      const now = performance.now();
      this.#seconds += (now - since) / 1000;
      since = now;
    };
    let pausedAt: DataLoaderState | null = null;
    const batches = loader.batches();
    try {
      while (batches.begin()) {
        const wait = batches.ready();
        if (wait) {
          yield () => Scope.outside(() => wait);
          this.#lastYield = performance.now();
        }
        const batch = batches.take();
        this.#rate = optimizer.paramGroups[0].lr;
        const numbers = this.trainStep(batch);
        // a subclass returned these numbers, so they must be checked
        if (this.trainStep !== Trainer.prototype.trainStep) readNumbers("trainStep", numbers);
        place.step++;
        checkFinite(place.step, numbers);
        this.#statistics.add(numbers);
        countTime();
        this.#callbacks.call("onStep", (callback) => callback.onStep?.(this, numbers));
        if (place.step % this.#logEvery === 0) this.#write("step", this.#statistics.endEntry());
        if (performance.now() - this.#lastYield > YIELD_MS) {
          yield () => Scope.outside(nextTask);
          since = this.#lastYield = performance.now();
        }
        const state = loader.stateDict();
        if (this.#stopped && state.position < loader.length) {
          pausedAt = state;
          break;
        }
      }
    } finally {
      batches.end();
    }
    yield () => batches.end();
    if (pausedAt) loader.loadStateDict(pausedAt);
    return pausedAt === null;
  }

  #endEpoch(): void {
    const { model, average, validate } = this.options;
    this.#place.epoch++;
    const started = performance.now();
    let valid: Record<string, number> = {};
    if (validate) {
      const run = () => scope(() => noGrad(() => readNumbers("validate", validate(this.#place))));
      valid = inMode(model, false, () => (average ? average.during(run) : run()));
    }
    this.#seconds += (performance.now() - started) / 1000;
    const numbers = { ...this.#statistics.means, ...valid };
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

  stateDict(): TrainerState {
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
