import { checkFunction, refusePromise } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import type { Tensor } from "../tensor.ts";
import { isTensor } from "./find_tensors.ts";
import { adopt, followTasks, inMode, openScope, Scope } from "./scope.ts";

/**
 * Runs `body` and releases every tensor created in it, except those it returns (a tensor, or arrays, objects,
 * Maps and Sets of them, at any depth): these move to the enclosing scope.
 *
 * An `async` function also has its own scope, which follows it across each `await` (in Node, Deno and Bun):
 * tasks that overlap do not release each other's tensors, nor do loops over a DataLoader in them. In browsers
 * an `async` function is an OptionError; see `Scope.run`.
 *
 * @example
 * ```ts
 * import { rand, scope } from "wasmgrad";
 * const mean = scope(() => rand([1000]).sub(0.5).square().mean());
 * console.log(mean.item());
 * ```
 */
export function scope<T>(body: () => T): T {
  checkFunction("scope", "body", body);
  if (isAsyncFunction(body)) return taskScope(body) as T;
  return inMode(true, openScope(), () => {
    const own = new Scope("scope()");
    try {
      const result = body();
      if (!isTensor(result)) {
        refusePromise("scope", result, "; write scope(async () => ...), whose scope follows it across each await");
      }
      own.moveToParent(result);
      return result;
    } finally {
      own.close();
    }
  });
}

function isAsyncFunction(body: unknown): body is () => Promise<unknown> {
  return Object.prototype.toString.call(body) === "[object AsyncFunction]";
}

/** scope() for an asynchronous function: the scope follows it, and closes when it ends. */
function taskScope<T>(body: () => Promise<T>): Promise<T> {
  if (!followTasks()) {
    throw new OptionError(
      "scope: expected a function that is not async, since a scope cannot follow a task in this runtime; " +
        "use new Scope(name, { enter: false }) and its run(() => ...) between the awaits",
    );
  }
  const own = new Scope("scope()", { enter: false });
  return own.run(async () => {
    try {
      const result = await body();
      own.moveToParent(result);
      return result;
    } finally {
      own.close();
    }
  });
}

/**
 * Keeps a tensor beyond the end of its scope: it lives until `release()` is called or it is no longer
 * reachable. Returns the tensor.
 */
export function keep<T extends Tensor>(tensor: T): T {
  if (!isTensor(tensor))
    throw new OptionError(`keep: expected a tensor, got ${tensor === null ? "null" : typeof tensor}`);
  const { handle } = tensor as T;
  handle.check("keep: a tensor");
  // a tensor outside any scope is already left to the garbage collector; a gradient is owned by its tensor
  if (!handle.kept) adopt(tensor, null);
  handle.kept = true;
  return tensor;
}

/**
 * Runs a function as a separate task: scopes that it leaves open across an `await` are not open for the
 * caller, which continues to run.
 */
export function asTask<T>(body: () => T): T {
  const scope = openScope();
  const storage = followTasks();
  return storage ? inMode(false, null, () => storage.run(scope, body)) : body();
}
