import "../../disposable.ts";
import { checkBoolean, checkFunction, readOptions } from "../../checks.ts";
import { ReleasedError } from "../../errors.ts";
import { nodeModule } from "../../runtime/node_module.ts";
import { forEachTensor } from "./find_tensors.ts";
import { HandleList, type Owned } from "./handle.ts";
import { leaveToCollector } from "./reclaim.ts";

/** The open scope of a synchronous body (see `synchronous`), and, in browsers, of the whole program. */
let current: Scope | null = null;

/** Whether a synchronous scope() is running: no other task can come in between, so `current` is enough. */
let synchronous = false;

/** What is used of Node's AsyncLocalStorage, whose type would make the declarations need Node's types. */
interface TaskStorage {
  getStore(): Scope | null | undefined;
  enterWith(scope: Scope | null): void;
  run<T>(scope: Scope | null, body: () => T): T;
}

/**
 * Keeps the open scope of each asynchronous task. Undefined in browsers, and until the first scope is opened
 * that an `await` may find open: a program without such scopes does not pay for it.
 */
let tasks: TaskStorage | undefined;

/** Lets scopes follow their tasks from now on, where the runtime can (Node, Deno, Bun). */
export function followTasks(): TaskStorage | undefined {
  if (tasks) return tasks;
  const hooks = nodeModule("node:async_hooks");
  if (!hooks?.AsyncLocalStorage) return undefined;
  const storage: TaskStorage = new hooks.AsyncLocalStorage<Scope | null>();
  try {
    storage.enterWith(null);
  } catch {
    return undefined; // some runtimes for servers have run() only
  }
  tasks = storage;
  return tasks;
}

/**
 * Counts stretches of code that run without an `await` in between. A scope that an asynchronous function
 * opens before its first `await` is open for its caller as well, and their tensors cannot be distinguished.
 * So where the end of the stretch finds such a scope open, its tensors go to the scope around, or into the
 * garbage collector's care, and it gets no more.
 */
let stretch = 1;
const EVERYWHERE = 0;
const NOWHERE = -1;
let stretchEnds = false;
/** Scopes of this stretch that are open, perhaps for a caller too. */
const doubtful = new Set<Scope>();

function beginStretch(): number {
  if (stretchEnds) return stretch;
  stretchEnds = true;
  queueMicrotask(() => {
    stretchEnds = false;
    stretch++;
    current = null;
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

/** Runs `body` with scopes in `current` (true) or in `tasks`, and puts both back as they were. */
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
 * Runs a function as a separate task: scopes that it leaves open across an `await` are not open for the
 * caller, which continues meanwhile.
 */
export function asTask<T>(body: () => T): T {
  const scope = openScope();
  const storage = followTasks();
  return storage ? inMode(false, null, () => storage.run(scope, body)) : body();
}

/**
 * Owns the tensors made while it is open and releases them when it closes, but for those passed to `keep()`,
 * parameters, buffers, gradients and optimizer state. Closing a scope closes those opened inside it.
 *
 * In Node, Deno and Bun an open scope follows its task across each `await`, and is not open for other
 * tasks. A task begins with `scope(async () => …)`. A `new Scope()`, and the first iteration of a loader's
 * loop, own tensors only if they close before the next `await`: at that point their function's tensors
 * cannot be distinguished from its caller's, and all go to the scope around, or, where there is none, into
 * the garbage collector's care.
 *
 * In browsers no scope is open after an `await`; a `new Scope(name, { enter: false })` is open inside its
 * `run(() => …)`, up to the next one.
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
  /** @internal What it owns. */
  readonly handles = new HandleList();
  #parent: Scope | null;
  #open = true;
  /** In which stretch it gets tensors. */
  #stretch = EVERYWHERE;
  /** Its tensors, as long as some may be a caller's. */
  #tensors: Owned[] | null = null;

  /**
   * @param name for messages
   * @param options `enter` (default true): whether the scope is open from now on; else only inside of `run`.
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
   * Runs `body` inside this scope and returns what it returns. In Node, Deno and Bun an asynchronous body
   * stays inside across each `await`; in browsers only up to the first one: there, call `run` again after it.
   *
   * @throws ReleasedError where the scope is closed.
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

  /** @internal Whether an `await` found it open; then it gets no more tensors. */
  get awaited(): boolean {
    return this.#stretch !== EVERYWHERE && this.#stretch !== stretch;
  }

  /**
   * @internal Says that it is not open for a caller: that its function has come back from an `await` before,
   * or that the caller waits.
   */
  settle(): void {
    this.#tensors = null;
    doubtful.delete(this);
    this.#stretch = tasks ? EVERYWHERE : beginStretch();
  }

  /** @internal Gives away what may be a caller's. */
  handOver(): void {
    const outer = Scope.adopting(this.#parent);
    for (const tensor of this.#tensors ?? []) if (tensor.handle.list === this.handles) adopt(tensor, outer);
    this.#tensors = null;
  }

  /** @internal Takes a tensor over. */
  take(tensor: Owned): void {
    this.handles.add(tensor.handle);
    this.#tensors?.push(tensor);
  }

  get closed(): boolean {
    return !this.#open;
  }

  /** Releases what the scope owns. Closing twice is harmless. */
  close(): void {
    if (!this.#open) return;
    // scopes opened inside this one and still open were abandoned: they close with it
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

  /** @internal `scope`, or the nearest around it that is open. */
  static innermostOpen(scope: Scope | null): Scope | null {
    let found = scope;
    while (found && !found.#open) found = found.#parent;
    return found;
  }

  /** @internal `scope`, or the nearest around it that gets new tensors. */
  static adopting(scope: Scope | null): Scope | null {
    let found = Scope.innermostOpen(scope);
    while (found?.awaited) found = Scope.innermostOpen(found.#parent);
    return found;
  }

  /**
   * @internal Waits while no scope is open, so that what other code makes meanwhile is
   *   not taken for this one's.
   */
  static async outside<T>(wait: () => Promise<T>): Promise<T> {
    const inside = openScope();
    const everywhere = tasks !== undefined || (inside !== null && inside.#stretch === EVERYWHERE);
    inside?.settle();
    if (inside) inside.#stretch = NOWHERE;
    try {
      const storage = tasks;
      if (storage) return await inMode(false, null, () => storage.run(null, wait));
      current = null;
      return await wait();
    } finally {
      if (inside) inside.#stretch = everywhere ? EVERYWHERE : beginStretch();
      if (!tasks) current = Scope.innermostOpen(inside);
    }
  }

  /**
   * @internal Hands the tensors found in `value` (a tensor, or arrays, objects, Maps and Sets of them) to
   * the scope around this one.
   */
  moveToParent(value: unknown): void {
    const outer = Scope.adopting(this.#parent);
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

/** Puts a tensor into a scope, or, without one, in the garbage collector's care. */
export function adopt(tensor: Owned, scope: Scope | null): void {
  if (scope) scope.take(tensor);
  else leaveToCollector(tensor);
}

/** Puts a new tensor into the open scope, or, where there is none, in the garbage collector's care. */
export function adoptIntoCurrentScope(tensor: Owned): void {
  adopt(tensor, Scope.adopting(openScope()));
}
