import { OptionError } from "../errors.ts";
import { refusePromise } from "../ops/options.ts";
import type { Handle } from "./handle.ts";
import { handleOf, leaveToCollector } from "./reclaim.ts";

/** Anything that holds a handle: a Tensor. */
interface Owned {
  readonly handle: Handle;
}

let current: Scope | null = null;

/**
 * Owns the tensors made while it is open and releases them when it closes, but for those passed to `keep()`, parameters,
 * buffers, gradients and optimizer state. Closing a scope closes those opened inside it.
 *
 * There is one open scope for the whole program: across an `await` it also gets what other code makes meanwhile, and of two asynchronous
 * tasks that overlap only one can have a scope, as the one opened first closes the other with it.
 *
 * @example
 * ```ts
 * import { Scope, rand } from "wasmgrad";
 * {
 *   using batch = new Scope("batch");
 *   console.log(rand([2, 2]).sum().item());
 * } // released here
 * ```
 */
export class Scope implements Disposable {
  readonly name: string;
  readonly handles = new Set<Handle>();
  #parent: Scope | null;
  #open = true;

  constructor(name = "a scope") {
    this.name = name;
    this.#parent = current;
    current = this;
  }

  get closed(): boolean {
    return !this.#open;
  }

  /** Releases what the scope owns. Closing twice is harmless. */
  close(): void {
    if (!this.#open) return;
    // scopes opened inside this one and still open were abandoned: they close with it
    if (this.#isAround(current)) {
      while (current !== null && current !== this) {
        current.#end(`the end of ${this.name}, inside of which ${current.name} was opened and not closed`);
      }
    }
    this.#end(`the end of ${this.name}`);
  }

  #isAround(scope: Scope | null): boolean {
    for (let inner = scope; inner; inner = inner.#parent) if (inner === this) return true;
    return false;
  }

  #end(reason: string): void {
    this.#open = false;
    current = Scope.#innermostOpen(current);
    for (const handle of this.handles) {
      handle.scope = null;
      handle.release(reason);
    }
    this.handles.clear();
  }

  static #innermostOpen(scope: Scope | null): Scope | null {
    let found = scope;
    while (found && !found.#open) found = found.#parent;
    return found;
  }

  /** Waits while no scope is open, so that what other code makes meanwhile is not taken for this one's. */
  static async outside<T>(wait: () => Promise<T>): Promise<T> {
    const inside = current;
    current = null;
    try {
      return await wait();
    } finally {
      current = Scope.#innermostOpen(inside);
    }
  }

  /** Hands the tensors found in `value` (a tensor, or arrays, objects, Maps and Sets of them) to the scope around this one. */
  moveToParent(value: unknown): void {
    const outer = this.#parent;
    forEachTensor(value, (tensor) => {
      const { handle } = tensor;
      if (handle.scope === this) this.handles.delete(handle);
      else if (handle.gradOf?.scope === this && !handle.kept) handle.gradOf.disownGrad();
      else return;
      adopt(tensor, outer);
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function adopt(tensor: Owned, scope: Scope | null): void {
  tensor.handle.scope = scope;
  if (scope) scope.handles.add(tensor.handle);
  else leaveToCollector(tensor);
}

/** Puts a new tensor into the open scope, or, where there is none, in the garbage collector's care. */
export function adoptIntoCurrentScope(tensor: Owned): void {
  adopt(tensor, current);
}

function isTensor(value: unknown): value is Owned {
  return typeof value === "object" && value !== null && handleOf(value) !== undefined;
}

/** Visits the tensors in a value: itself, or in arrays, Maps, Sets, and the fields of objects, however deep. Cycles are no harm. */
function forEachTensor(root: unknown, visit: (tensor: Owned) => void): void {
  const seen = new Set<unknown>();
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (isTensor(value)) visit(value);
    else if (Array.isArray(value) || value instanceof Set) for (const item of value) pending.push(item);
    else if (value instanceof Map) for (const entry of value) pending.push(...entry);
    else if (!ArrayBuffer.isView(value)) for (const item of Object.values(value)) pending.push(item);
  }
}

/**
 * Runs `body` and releases every tensor made in it, except those it returns (a tensor, or arrays, objects, Maps
 * and Sets of them, however deep): these belong to the scope around.
 *
 * @example
 * ```ts
 * import { rand, scope } from "wasmgrad";
 * const mean = scope(() => rand([1000]).sub(0.5).square().mean());
 * console.log(mean.item());
 * ```
 */
export function scope<T>(body: () => T): T {
  const own = new Scope("scope()");
  try {
    const result = refusePromise("scope", body(), "; use `using s = new Scope()` around awaits");
    own.moveToParent(result);
    return result;
  } finally {
    own.close();
  }
}

/**
 * Keeps a tensor beyond the scope that owns it: it lives until it is released by hand or no longer reachable.
 * Returns the tensor.
 */
export function keep<T extends Owned>(tensor: T): T {
  if (!isTensor(tensor))
    throw new OptionError(`keep: expected a tensor, got ${tensor === null ? "null" : typeof tensor}`);
  const { handle } = tensor as T;
  handle.check("keep: a tensor");
  handle.scope?.handles.delete(handle);
  // a tensor outside any scope is in the garbage collector's care already, but a gradient is only in its tensor's
  if (!handle.kept) adopt(tensor, null);
  handle.kept = true;
  return tensor;
}
