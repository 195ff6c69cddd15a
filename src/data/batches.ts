import { WasmgradError } from "../errors.ts";
import { section } from "../ops/core/recorder.ts";
import { openScope, Scope } from "../tensor/lifetime/scope.ts";

/** Loads the batches of an epoch. */
export interface BatchSource<B> {
  /** Begins to load a batch. Returns a promise if `take` must wait for it, else null. */
  ready(batch: number): Promise<void> | null;
  /** The batch. Its tensors are created now, or belong to the open scope from now on. */
  take(batch: number): B;
  /** Stops loading. The promise resolves when everything has ended. */
  end(): Promise<void>;
}

export interface BatchesOptions<B> {
  source: BatchSource<B>;
  /** The first batch, and the number of batches of the epoch. */
  first: number;
  length: number;
  /** Whether each iteration is a scope. */
  scoped: boolean;
  /** Whether an iteration's scope is open from its `begin` on. Otherwise only inside the scope's `run`. */
  entered: boolean;
  /** Called when a batch has been taken. */
  onTake(batch: number): void;
  /** Called once, when the last iteration has ended. */
  onFinish(): void;
  /** Called with the time that the loop has waited for data. */
  onWait(milliseconds: number): void;
}

/**
 * The iterations of one loop over a loader: `begin`, `ready`, `take`, and again `begin`. The scope of an
 * iteration lasts from its `begin` to the next one.
 */
export class Batches<B> {
  readonly #options: BatchesOptions<B>;
  #batch: number;
  #body: Scope | null = null;
  /** Whether an earlier iteration was still open at an `await`. */
  #awaited = false;
  #ending: Promise<void> | null = null;

  constructor(options: BatchesOptions<B>) {
    this.#options = options;
    this.#batch = options.first;
  }

  /** Begins the next iteration. Returns false if there is none. */
  begin(): boolean {
    this.#closeBody();
    if (this.#ending) return false;
    if (this.#batch >= this.#options.length) {
      this.end();
      this.#options.onFinish();
      return false;
    }
    const { scoped, entered } = this.#options;
    if (scoped) this.#body = new Scope("a DataLoader iteration", { enter: entered });
    if (this.#awaited) this.#body?.claimTensors();
    return true;
  }

  /** The scope of the running iteration, if iterations are scopes. */
  get scope(): Scope | null {
    return this.#body;
  }

  /** Resolves when the iteration's batch can be taken; null if that is now. */
  ready(): Promise<void> | null {
    const started = performance.now();
    const count = () => this.#options.onWait(performance.now() - started);
    const wait = section("DataLoader", () => this.#options.source.ready(this.#batch));
    if (wait) return wait.finally(count);
    count();
    return null;
  }

  /** The iteration's batch. */
  take(): B {
    if (this.#ending) throw new WasmgradError("DataLoader: the loop was ended while it waited for a batch");
    const started = performance.now();
    const batch = this.#batch++;
    const loading = new Scope("the loading of a batch", { enter: false });
    try {
      const loaded = loading.run(() => section("DataLoader", () => this.#options.source.take(batch)));
      this.#options.onTake(batch);
      loading.moveToParent(loaded, this.#body ?? Scope.adopting(openScope()));
      return loaded;
    } finally {
      loading.close();
      this.#options.onWait(performance.now() - started);
    }
  }

  /** Ends the loop. The promise resolves when everything that loaded has ended. */
  end(): Promise<void> {
    this.#closeBody();
    this.#ending ??= this.#options.source.end();
    return this.#ending;
  }

  #closeBody(): void {
    this.#awaited ||= this.#body?.awaited ?? false;
    this.#body?.close();
    this.#body = null;
  }
}

/** The iterator of `for await`. The scope of an iteration must be open for the caller before it waits. */
export function iterateAsync<B>(start: () => Batches<B>): AsyncIterableIterator<B> {
  let batches: Batches<B> | undefined;
  let pending = false;
  const end = async (): Promise<IteratorResult<B>> => {
    await batches?.end();
    return { done: true, value: undefined };
  };
  const fail = async (error: unknown): Promise<never> => {
    await batches?.end();
    throw error;
  };
  const nextBatch = async (running: Batches<B>, wait: Promise<void> | null): Promise<IteratorResult<B>> => {
    pending = true;
    try {
      await wait;
      return { done: false, value: running.take() };
    } finally {
      pending = false;
    }
  };
  return {
    next() {
      if (pending) return Promise.reject(new WasmgradError("DataLoader: next() must be awaited before the next call"));
      try {
        batches ??= start();
        return batches.begin() ? nextBatch(batches, batches.ready()).catch(fail) : end();
      } catch (error) {
        return fail(error);
      }
    },
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** The iterator of `for await` over batches that need no waiting. */
export function iterateLater<B>(batches: Generator<B, void, undefined>): AsyncIterableIterator<B> {
  return {
    next: async () => batches.next() as IteratorResult<B>,
    return: async () => batches.return() as IteratorResult<B>,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
