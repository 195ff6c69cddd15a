import { checkFunction, isAsyncFunction, refusePromise } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import type { Tensor } from "../tensor.ts";
import { isTensor } from "./find_tensors.ts";
import { adopt, followTasks, inMode, openScope, Scope } from "./scope.ts";

/**
 * Runs `body` and releases every tensor created in it, except those it returns (a tensor, or arrays, objects,
 * Maps and Sets of them, at any depth): these move to the enclosing scope.
 *
 * In Node, Deno and Bun, the scope of an `async` function follows it across each `await`. Overlapping tasks,
 * and loops over a DataLoader in them, therefore do not release each other's tensors. In browsers, an `async`
 * function throws an OptionError; see `Scope.run`.
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
  if (isAsyncFunction(body)) return taskScope(body as () => Promise<unknown>) as T;
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

/** scope() for an asynchronous function. The scope follows the function and closes when the function ends. */
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
 * Keeps a tensor beyond the end of its scope. The tensor lives until `release()` is called or until it is no
 * longer reachable. Returns the tensor.
 */
export function keep<T extends Tensor>(tensor: T): T {
  if (!isTensor(tensor))
    throw new OptionError(`keep: expected a tensor, got ${tensor === null ? "null" : typeof tensor}`);
  const { handle } = tensor as T;
  handle.check("keep: a tensor");
  // A tensor outside all scopes is already left to the garbage collector. A gradient is owned by its tensor.
  if (!handle.kept) adopt(tensor, null);
  handle.kept = true;
  return tensor;
}

/**
 * Runs a function as a separate task. Scopes that it leaves open across an `await` are not open for the
 * caller.
 */
export function asTask<T>(body: () => T): T {
  const scope = openScope();
  const storage = followTasks();
  return storage ? inMode(false, null, () => storage.run(scope, body)) : body();
}
