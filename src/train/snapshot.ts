import type { Module } from "../nn/module.ts";
import { loadInto, type StateDict } from "../nn/state.ts";
import { keep, scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A copy of a module's weights and buffers. It outlives all scopes. */
export class Snapshot {
  readonly #model: Module;
  readonly #copies: ReadonlyMap<string, Tensor>;

  constructor(model: Module) {
    this.#model = model;
    this.#copies = scope(
      () => new Map(Object.entries(model.stateDict()).map(([name, tensor]) => [name, keep(tensor.clone())])),
    );
  }

  /** Calls `visit` with each copy and the module's tensor that has the same name. */
  forEach(visit: (copy: Tensor, own: Tensor) => void): void {
    scope(() => {
      const own = this.#model.stateDict();
      for (const [name, copy] of this.#copies) visit(copy, own[name]);
    });
  }

  /** Copies the module's current weights. */
  take(): void {
    this.forEach((copy, own) => void copy.copy_(own));
  }

  /** Copies the weights back into the module. */
  restore(): void {
    this.forEach((copy, own) => void own.copy_(copy));
  }

  stateDict(): StateDict {
    return Object.fromEntries(this.#copies);
  }

  loadStateDict(state: StateDict): void {
    loadInto("Snapshot", this.#copies, state);
  }

  release(): void {
    for (const copy of this.#copies.values()) copy.release();
  }
}
