import { noGrad } from "../autograd/grad_mode.ts";
import { checkInteger, readOptions } from "../checks.ts";
import type { DataLoaderState } from "../data/data_loader.ts";
import { OptionError, StateDictError, WasmgradError } from "../errors.ts";
import { allOrNothing } from "../io/all_or_nothing.ts";
import type { Stateful } from "../io/checkpoint.ts";
import { inMode } from "../nn/internal/mode.ts";
import { clipGradNorm } from "../nn/utils.ts";
import { ReduceLROnPlateau } from "../optim/schedulers/reduce_on_plateau.ts";
import { type Generator as RandomGenerator, withGenerator } from "../tensor/generator.ts";
import { asTask, Scope, scope } from "../tensor/lifetime/scope.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import { checkParts, readLoss, readNumbers, refuseAsync } from "./checks.ts";
import type { EpochEntry, LogEntry } from "./log.ts";
import { OwnGenerator } from "./own_generator.ts";
import type { Callback, Place, TrainerOptions } from "./trainer_options.ts";
import { addTo, checkTrainerState, means, noSums, type TrainerState } from "./trainer_state.ts";

const TURN_MS = 50;
const NO_OPTIONS = {
  model: undefined,
  loader: undefined,
  optimizer: undefined,
  loss: undefined,
  epochs: undefined,
  scheduler: undefined,
  average: undefined,
  clipNorm: undefined,
  monitor: undefined,
  validate: undefined,
  callbacks: undefined,
  parts: undefined,
  logEvery: undefined,
  generator: undefined,
} satisfies Record<keyof TrainerOptions<unknown>, undefined>;

/**
 * The training loop: batches, steps, validation, a log. It stops after any step and goes on there to the same bits, in this process
 * (`fit` again) or another (`saveTrainer`, `resumeTrainer`). Memory stays flat.
 *
 * Random numbers come from the trainer's own `generator`: it takes the default one's place while the trainer's code runs (the loader,
 * loss, dropout, `validate`, callbacks), and not while other code does. So neither another trainer nor a click that draws changes a run.
 *
 * @throws OptionError; WasmgradError where a loss is not finite.
 * @example
 * ```ts
 * import { nn, optim, rand } from "wasmgrad";
 * import { DataLoader, TensorDataset } from "wasmgrad/data";
 * import { Trainer } from "wasmgrad/train";
 * const model = new nn.Linear(3, 1);
 * const x = rand([64, 3]);
 * const trainer = new Trainer({
 *   model,
 *   loader: new DataLoader(new TensorDataset(x, x.sum(1, { keepdim: true })), { batchSize: 8, shuffle: true }),
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
  readonly #watchers: Callback[] = [];
  #place: Place = { epoch: 0, step: 0 };
  #sums = { epoch: noSums(), entry: noSums() };
  #seconds = 0;
  #rate = 0;
  /** When the process last did other things: short epochs and slow callbacks count as well. */
  #lastTurn = 0;
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
    this.#random = new OwnGenerator(generator);
    this.#logEvery = checkInteger("Trainer", "logEvery", logEvery ?? Math.ceil(loader.length / 20), 1);
  }

  /** Adds a callback, which is no part of the state. Returns how to take it away again. */
  watch(callback: Callback): () => void {
    this.#watchers.push(callback);
    return () => {
      this.#watchers.splice(this.#watchers.indexOf(callback), 1);
    };
  }

  /** Where the trainer's random numbers come from. */
  get generator(): RandomGenerator {
    return this.#random.generator;
  }

  get place(): Readonly<Place> {
    return this.#place;
  }

  /** True once training has ended for good. */
  get finished(): boolean {
    return this.#finished;
  }

  /** The log's lines of whole epochs. */
  get epochs(): EpochEntry[] {
    return this.log.filter((entry): entry is EpochEntry => entry.kind === "epoch");
  }

  /** Ends `fit` after the running step; a later `fit` goes on there. */
  stop(): void {
    this.#stopped = true;
  }

  /** Ends training for good, after the running epoch. */
  finish(): void {
    this.#finishing = true;
  }

  /** Trains to the end, or to a `stop()`. Now and then it lets the process do other things: signals, drawing. */
  fit(): Promise<void> {
    return asTask(() => this.#run());
  }

  async #run(): Promise<void> {
    if (this.#running) throw new WasmgradError("Trainer.fit: an earlier call is still running; await it first");
    this.#running = true;
    this.#lastTurn = performance.now();
    const giveBack = this.#random.begin();
    const steps = this.#fit();
    try {
      // what runs between two waits is this trainer's own; what runs meanwhile is not
      while (true) {
        const { done, value: wait } = withGenerator(this.generator, () => steps.next());
        if (done) return;
        await wait();
      }
    } finally {
      this.#running = false;
      giveBack();
    }
  }

  /** Yields what to wait for. */
  *#fit(): Generator<() => Promise<void>, void> {
    this.#stopped = false;
    const { model, epochs } = this.options;
    while (!this.#finishing && this.#place.epoch < epochs) {
      if (this.#stopped) return;
      model.train();
      const ended = yield* this.#runEpoch();
      yield () => Promise.resolve();
      if (!ended) return;
      this.#endEpoch();
    }
    if (this.#finished) return;
    this.#finished = true;
    this.#call("onFinish", (callback) => callback.onFinish?.(this));
  }

  /** One step of learning. Returns the numbers of the log. */
  protected learn(batch: B): Record<string, number> {
    const { optimizer, scheduler, average, clipNorm, loss } = this.options;
    const numbers = readLoss(loss(batch, this.#place));
    optimizer.zeroGrad();
    numbers.loss.backward();
    if (clipNorm !== undefined) {
      clipGradNorm(
        optimizer.paramGroups.flatMap(({ params }) => params),
        clipNorm,
      );
    }
    optimizer.step();
    if (scheduler && !(scheduler instanceof ReduceLROnPlateau)) scheduler.step();
    average?.update();
    return readNumbers("loss", numbers);
  }

  /** Returns whether the epoch was run to its end. */
  *#runEpoch(): Generator<() => Promise<void>, boolean> {
    const { loader, optimizer } = this.options;
    const place = this.#place;
    let turn = performance.now();
    const takeTime = () => {
      const now = performance.now();
      this.#seconds += (now - turn) / 1000;
      turn = now;
    };
    let rest: DataLoaderState | null = null;
    for (const batch of loader) {
      this.#rate = optimizer.paramGroups[0].lr;
      const numbers = this.learn(batch);
      if (this.learn !== Trainer.prototype.learn) readNumbers("learn", numbers); // a subclass's own
      place.step++;
      if (!Object.values(numbers).every(Number.isFinite)) {
        throw new WasmgradError(
          `Trainer: step ${place.step} gave ${shown(numbers)}; a smaller lr or a clipNorm may help`,
        );
      }
      for (const sums of Object.values(this.#sums)) addTo(sums, numbers);
      takeTime();
      if (place.step % this.#logEvery === 0) {
        this.#write("step", means(this.#sums.entry));
        this.#sums.entry = noSums();
      }
      if (performance.now() - this.#lastTurn > TURN_MS) {
        yield () => Scope.outside(() => new Promise((resolve) => setTimeout(resolve)));
        turn = this.#lastTurn = performance.now();
      }
      const state = loader.stateDict();
      if (this.#stopped && state.position < loader.length) {
        rest = state;
        break;
      }
    }
    if (rest) loader.loadStateDict(rest);
    return rest === null;
  }

  #endEpoch(): void {
    const { model, average, validate } = this.options;
    const place = this.#place;
    place.epoch++;
    const started = performance.now();
    let valid: Record<string, number> = {};
    if (validate) {
      const run = () => scope(() => noGrad(() => readNumbers("validate", validate(place))));
      valid = inMode(model, false, () => (average ? average.during(run) : run()));
    }
    this.#seconds += (performance.now() - started) / 1000;
    const numbers = { ...means(this.#sums.epoch), ...valid };
    this.#stepOnPlateau(numbers);
    const entry = this.#write("epoch", numbers) as EpochEntry;
    this.#sums = { epoch: noSums(), entry: noSums() };
    this.#call("onEpoch", (callback) => callback.onEpoch?.(this, entry));
  }

  /** The one scheduler that takes a number, of each epoch. */
  #stepOnPlateau(numbers: Record<string, number>): void {
    const { scheduler, validate, monitor = validate ? "validLoss" : "loss" } = this.options;
    if (!(scheduler instanceof ReduceLROnPlateau)) return;
    if (!Object.hasOwn(numbers, monitor)) {
      throw new OptionError(
        `Trainer: ReduceLROnPlateau takes the number "${monitor}" of each epoch, got ${Object.keys(numbers).join(", ")}; ` +
          "name one of these with the option monitor, or let validate return it",
      );
    }
    scheduler.step(numbers[monitor]);
  }

  #call(name: string, run: (callback: Callback) => unknown): void {
    for (const callback of this.#callbacks()) refuseAsync(name, run(callback));
  }

  #callbacks(): Callback[] {
    return [...(this.options.callbacks ?? []), ...this.#watchers];
  }

  #write(kind: LogEntry["kind"], numbers: Record<string, number>): LogEntry {
    const { epoch, step } = this.#place;
    const begun = kind === "step" ? epoch + 1 : epoch;
    const entry = { kind, epoch: begun, step, lr: this.#rate, seconds: this.#seconds, ...numbers } as LogEntry;
    this.log.push(entry);
    this.#call("onEntry", (callback) => callback.onEntry?.(this, entry));
    return entry;
  }

  #parts(): Record<string, Stateful> {
    const { model, optimizer, scheduler, average, callbacks = [], parts = {} } = this.options;
    const stateful = callbacks.flatMap((callback, i) =>
      callback.stateDict && callback.loadStateDict ? [[`callback${i}`, callback as Stateful] as const] : [],
    );
    return {
      model,
      optimizer,
      ...(scheduler && { scheduler }),
      ...(average && { average }),
      ...Object.fromEntries(stateful),
      ...parts,
    };
  }

  stateDict(): TrainerState {
    const states = Object.entries(this.#parts()).map(([name, part]) => [name, part.stateDict()]);
    return {
      place: { ...this.#place },
      finishing: this.#finishing,
      finished: this.#finished,
      seconds: this.#seconds,
      sums: structuredClone(this.#sums),
      log: structuredClone(this.log),
      loader: this.options.loader.stateDict(),
      generator: this.#random.state(),
      states: Object.fromEntries(states),
    };
  }

  /** @throws StateDictError where a part has no state, or another. */
  loadStateDict(state: TrainerState): void {
    checkStateKind("Trainer", "Trainer", state);
    const known = Object.keys(this.stateDict());
    const foreign = Object.keys(state).find((name) => !known.includes(name));
    if (foreign !== undefined) {
      throw new StateDictError(`Trainer.loadStateDict: expected ${known.join(", ")}, got "${foreign}" as well`);
    }
    checkTrainerState(state);
    const { place, finishing, finished, seconds, sums, log, loader, states } = state;
    const setGenerator = this.#random.load(state.generator);
    const parts = this.#parts();
    const missing = Object.keys(parts).filter((name) => !(name in states));
    if (missing.length > 0) throw new StateDictError(`Trainer.loadStateDict: no state of ${missing.join(", ")}`);
    allOrNothing("Trainer.loadStateDict", [...Object.values(parts), this.options.loader], () => {
      for (const [name, part] of Object.entries(parts)) part.loadStateDict(states[name]);
      this.options.loader.loadStateDict(loader);
    });
    setGenerator();
    this.#place = { epoch: place.epoch, step: place.step };
    this.#finishing = finishing;
    this.#finished = finished;
    this.#seconds = seconds;
    this.#sums = structuredClone(sums);
    this.log.length = 0;
    for (const entry of log) this.log.push({ ...entry });
  }
}

function shown(numbers: Record<string, number>): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
