import { refuseAsync } from "./checks.ts";
import type { Callback } from "./trainer_options.ts";

/** The callbacks of a trainer: first the callbacks in its options, then the ones added by `watch`. */
export class CallbackList {
  readonly #options: { callbacks?: readonly Callback[] };
  readonly #watchers: Callback[] = [];

  constructor(options: { callbacks?: readonly Callback[] }) {
    this.#options = options;
  }

  /** Adds a callback. Returns a function that removes it. */
  watch(callback: Callback): () => void {
    this.#watchers.push(callback);
    return () => {
      this.#watchers.splice(this.#watchers.indexOf(callback), 1);
    };
  }

  /** Calls `run` with each callback. `name` is the name of the callback's function in errors. */
  call(name: keyof Callback, run: (callback: Callback) => unknown): void {
    for (const callback of [...(this.#options.callbacks ?? []), ...this.#watchers]) refuseAsync(name, run(callback));
  }
}
