import "../../disposable.ts";
import { checkBoolean, checkFunction, readOptions } from "../../checks.ts";
import { ReleasedError } from "../../errors.ts";
import { nodeModule } from "../../runtime/node_module.ts";
import { forEachTensor } from "./find_tensors.ts";
import { HandleList, type Owned } from "./handle.ts";
import { leaveToCollector } from "./reclaim.ts";

/** The open scope while a synchronous body runs (see `synchronous`); in browsers, always the open scope. */
let current: Scope | null = null;

/**
 * Whether a synchronous scope() is running. No other task can then run, so `current` holds the open scope.
 */
let synchronous = false;

/**
 * The members of Node's AsyncLocalStorage that are used here. With Node's own type, this library's
 * declarations would depend on Node's types.
 */
interface TaskStorage {
  getStore(): Scope | null | undefined;
  enterWith(scope: Scope | null): void;
  run<T>(scope: Scope | null, body: () => T): T;
}

/**
 * Holds the open scope of each asynchronous task. Undefined in browsers, and before the first scope that may
 * stay open across an `await`, so that programs without such scopes are not slowed down.
 */
let tasks: TaskStorage | undefined;

/** Makes scopes follow their tasks if the runtime supports this (Node, Deno, Bun). */
export function followTasks(): TaskStorage | undefined {
  if (tasks) return tasks;
  const hooks = nodeModule("node:async_hooks");
  if (!hooks?.AsyncLocalStorage) return undefined;
  const storage: TaskStorage = new hooks.AsyncLocalStorage<Scope | null>();
  try {
    storage.enterWith(null);
  } catch {
    return undefined; // some server runtimes have only run()
  }
  tasks = storage;
  return tasks;
}

/**
 * Number of the current stretch: code that runs without an `await` in between. A scope that an asynchronous
 * function opens before its first `await` is also open for the function's caller, and the tensors of the two
 * cannot be distinguished. If such a scope is still open at the end of the stretch, its tensors therefore
 * move to the enclosing scope or are left to the garbage collector, and the scope gets no more tensors.
 */
let stretch = 1;
const EVERYWHERE = 0;
const NOWHERE = -1;
let stretchEnds = false;
/** In browsers: the scope that stays open for the rest of the running task, across awaits. */
let ofTask: Scope | null = null;
/** Open scopes of this stretch that may also be open for a caller. */
const doubtful = new Set<Scope>();

function beginStretch(): number {
  if (stretchEnds) return stretch;
  stretchEnds = true;
  queueMicrotask(() => {
    stretchEnds = false;
    stretch++;
    current = ofTask;
    for (const scope of doubtful) scope.handOver();
    doubtful.clear();
  });
  return stretch;
}

/** The innermost scope that is open for the running task. */
export function openScope(): Scope | null {
  return tasks && !synchronous ? Scope.innermostOpen(tasks.getStore() ?? null) : current;
}

function enter(scope: Scope | null): void {
  if (tasks && !synchronous) tasks.enterWith(scope);
  else current = scope;
}

/** Runs `body` with the open scope kept in `current` (true) or in `tasks`, then restores both. */
export function inMode<T>(mode: boolean, scope: Scope | null, body: () => T): T {
  const [outerMode, outer] = [synchronous, current];
  synchronous = mode;
  current = scope;
  try {
    return body();
  } finally {
    synchronous = outerMode;
    current = Scope.innermostOpen(outer);
  }
}

/**
 * Owns the tensors created while it is open and releases them when it closes. Exceptions: tensors passed to
 * `keep()`, parameters, buffers, gradients and optimizer state. Closing a scope also closes the scopes opened
 * inside it.
 *
 * In Node, Deno and Bun an open scope follows its task across each `await`, and is not open for other tasks.
 * A task begins with `scope(async () => …)`. A `new Scope()`, and the scope of the first iteration over a
 * loader, own tensors only if they close before the next `await`. After an `await`, the tensors of a function
 * cannot be distinguished from the tensors of its caller. All of them then move to the enclosing scope, or
 * are left to the garbage collector if there is none.
 *
 * In browsers no scope is open after an `await`. A `new Scope(name, { enter: false })` is open inside its
 * `run(() => …)`, up to the next `await`.
 *
 * @throws OptionError for an unknown option.
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
  /** @internal Handles of the tensors that the scope owns. */
  readonly handles = new HandleList();
  #parent: Scope | null;
  #open = true;
  /** The stretch in which the scope gets tensors. */
  #stretch = EVERYWHERE;
  /** The scope's tensors, as long as some of them may belong to a caller. */
  #tensors: Owned[] | null = null;

  /**
   * @param name the name of the scope in messages
   * @param options `enter` (default true): whether the scope is open from now on, or only inside `run`.
   */
  constructor(name = "a scope", options?: { enter?: boolean }) {
    this.name = name;
    const entered =
      options === undefined || checkBoolean("Scope", "enter", readOptions("Scope", options, { enter: true }).enter);
    if (entered && !synchronous) {
      followTasks();
      this.#stretch = beginStretch();
      this.#tensors = [];
      doubtful.add(this);
    }
    this.#parent = openScope();
    if (entered) enter(this);
  }

  /**
   * Runs `body` inside this scope and returns its result. In Node, Deno and Bun an asynchronous body stays
   * inside the scope across each `await`. In browsers it stays inside only up to the first `await`: call
   * `run` again after an `await`.
   *
   * @throws ReleasedError if the scope is closed.
   * @example
   * ```ts
   * import { Scope, rand } from "wasmgrad";
   * const request = new Scope("a request", { enter: false });
   * const image = request.run(() => rand([3, 8, 8]));
   * await new Promise((resolve) => setTimeout(resolve)); // other requests may run meanwhile
   * console.log(request.run(() => image.mean().shape)); // []
   * request.close();
   * ```
   */
  run<T>(body: () => T): T {
    checkFunction("Scope.run", "body", body);
    if (!this.#open) throw new ReleasedError(`Scope.run: ${this.name} is closed`);
    const storage = followTasks();
    return storage ? inMode(false, null, () => storage.run(this, body)) : inMode(synchronous, this, body);
  }

  /** @internal Whether the scope was still open at an `await`. It then gets no more tensors. */
  get awaited(): boolean {
    return this.#stretch !== EVERYWHERE && this.#stretch !== stretch;
  }

  /**
   * @internal Declares that the scope is not open for a caller, because its function has already resumed
   * after an `await`, or the caller is waiting.
   */
  claimTensors(): void {
    this.#tensors = null;
    doubtful.delete(this);
    this.#stretch = tasks ? EVERYWHERE : beginStretch();
  }

  /** @internal Moves tensors that may belong to a caller to the enclosing scope. */
  handOver(): void {
    const outer = Scope.adopting(this.#parent);
    for (const tensor of this.#tensors ?? []) if (tensor.handle.list === this.handles) adopt(tensor, outer);
    this.#tensors = null;
  }

  /** @internal Becomes the owner of a tensor. */
  take(tensor: Owned): void {
    this.handles.add(tensor.handle);
    this.#tensors?.push(tensor);
  }

  get closed(): boolean {
    return !this.#open;
  }

  /** Releases the tensors that the scope owns. Closing a scope twice has no effect. */
  close(): void {
    if (!this.#open) return;
    // scopes opened inside this one and never closed end with it
    let inner = openScope();
    if (this.#isAround(inner)) {
      for (; inner !== null && inner !== this; inner = openScope()) {
        inner.#end(`the end of ${this.name}, inside of which ${inner.name} was opened and not closed`);
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
    if (this.#tensors) {
      this.#tensors = null;
      doubtful.delete(this);
    }
    enter(Scope.innermostOpen(openScope()));
    for (let handle = this.handles.oldest; handle; handle = this.handles.oldest) {
      this.handles.delete(handle);
      handle.release(reason);
    }
  }

  /** @internal Returns `scope` or the nearest enclosing scope that is open. */
  static innermostOpen(scope: Scope | null): Scope | null {
    let found = scope;
    while (found && !found.#open) found = found.#parent;
    return found;
  }

  /** @internal Returns `scope` or the nearest enclosing scope that gets new tensors. */
  static adopting(scope: Scope | null): Scope | null {
    let found = Scope.innermostOpen(scope);
    while (found?.awaited) found = Scope.innermostOpen(found.#parent);
    return found;
  }

  /** @internal Runs `body` inside this scope, which gets no tensors of other code until it runs again. */
  runTurn<T>(body: () => T): T {
    this.#stretch = EVERYWHERE;
    try {
      return this.run(body);
    } finally {
      this.#stretch = NOWHERE;
    }
  }

  /** @internal As `runTurn`, for the rest of the running task, or until the returned function is called. */
  continueTurn(): () => void {
    const change = (stretch: number, open: Scope | null) => {
      this.#stretch = stretch;
      if (!tasks) current = ofTask = open;
    };
    change(EVERYWHERE, this);
    return () => change(NOWHERE, null);
  }

  /**
   * @internal Moves the tensors found in `value` (a tensor, or arrays, objects, Maps and Sets of them) to
   * another scope (default: the enclosing one).
   */
  moveToParent(value: unknown, outer = Scope.adopting(this.#parent)): void {
    forEachTensor(value, (tensor) => {
      const { handle } = tensor;
      const tensorOf = handle.gradOf?.list === this.handles && !handle.kept ? handle.gradOf : null;
      if (handle.releasedBy !== null || (handle.list !== this.handles && !tensorOf)) return;
      tensorOf?.disownGrad();
      adopt(tensor, outer);
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Gives a tensor to a scope, or to the garbage collector if there is none. */
export function adopt(tensor: Owned, scope: Scope | null): void {
  if (scope) scope.take(tensor);
  else leaveToCollector(tensor);
}

/** Gives a new tensor to the open scope, or to the garbage collector if there is none. */
export function adoptIntoCurrentScope(tensor: Owned): void {
  adopt(tensor, Scope.adopting(openScope()));
}
