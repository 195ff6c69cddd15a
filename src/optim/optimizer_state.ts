import { noGrad } from "../autograd/grad_mode.ts";
import { describe, isObject } from "../checks.ts";
import { formatShape, StateDictError } from "../errors.ts";
import { keep, scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The state of one parameter: numbers, and tensors of the parameter's shape. */
export type ParamState = Record<string, number | Tensor>;

/**
 * The result of `stateDict()`, structured as in PyTorch. Parameters are numbered in the order of the groups.
 */
export interface OptimizerStateDict {
  /** Each parameter's state, by the parameter's number. Its names are PyTorch's (`step`, `exp_avg` …). */
  state: Record<number, ParamState>;
  /** The options of each group, and the numbers of its parameters. */
  paramGroups: Record<string, unknown>[];
}

/**
 * The entries of a parameter's state after its first step, by name: a count of steps, another number, or a
 * tensor of the parameter's shape ("tensor?" if only some options need it).
 */
export type StateKinds = Readonly<Record<string, "count" | "number" | "tensor" | "tensor?">>;

/**
 * Checks the saved states of parameters, and returns them with their parameters.
 *
 * @param name the optimizer's name, for errors
 * @param params the parameters by their saved numbers
 * @throws StateDictError
 */
export function readStates(
  name: string,
  states: OptimizerStateDict["state"],
  params: ReadonlyMap<string, Tensor>,
  kinds: StateKinds,
): [Tensor, ParamState][] {
  const fail = (message: string): never => {
    throw new StateDictError(`${name}.loadStateDict: ${message}`);
  };
  const required = Object.keys(kinds).filter((key) => !kinds[key].endsWith("?"));
  return Object.entries(states).map(([number, state]): [Tensor, ParamState] => {
    const param = params.get(number) ?? fail(`state of parameter ${number}, which is in no group`);
    if (!isObject(state)) fail(`state of parameter ${number}: expected an object, got ${describe(state)}`);
    const missing = required.filter((key) => !Object.hasOwn(state, key));
    if (missing.length > 0 && Object.keys(state).length > 0) {
      fail(`state of parameter ${number}: expected ${missing.join(", ")}, got only ${Object.keys(state).join(", ")}`);
    }
    for (const [key, value] of Object.entries(state)) {
      checkValue(key, value, param, kinds, (expected, actual) =>
        fail(`${key} of parameter ${number}: expected ${expected}, got ${actual}`),
      );
    }
    return [param, state];
  });
}

function checkValue(
  name: string,
  value: unknown,
  param: Tensor,
  kinds: StateKinds,
  fail: (expected: string, actual: unknown) => never,
): void {
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  const expected = `float32 ${formatShape(param.shape)}`;
  if (kind === undefined) fail(`one of ${Object.keys(kinds).join(", ")}`, "this name");
  if (kind === "count") {
    if (!Number.isInteger(value) || (value as number) < 0) fail("an integer >= 0", value);
  } else if (kind === "number") {
    if (!Number.isFinite(value)) fail("a finite number", value);
  } else if (!(value instanceof Tensor)) fail(expected, value);
  else if (value.released) fail(expected, "a released tensor");
  else if (`${value.dtype} ${formatShape(value.shape)}` !== expected) {
    fail(expected, `${value.dtype} ${formatShape(value.shape)}`);
  }
}

export function tensorsOf(states: ReadonlyMap<Tensor, ParamState>): Tensor[] {
  return [...states.values()].flatMap(Object.values).filter((value) => value instanceof Tensor);
}

/**
 * Copies `states` for an optimizer whose current states are `present`, and returns the copies, which outlive
 * all scopes. Where possible, values are written into the tensors of the current states, because a large
 * state may not fit into memory twice. If memory runs out, the current states remain unchanged.
 */
export function copyStates(
  states: readonly [Tensor, ParamState][],
  present: ReadonlyMap<Tensor, ParamState>,
): [Tensor, ParamState][] {
  const presentBlocks = new Set(tensorsOf(present).map(({ handle }) => handle.block));
  // A tensor of a current state may be loaded for another parameter and must not be overwritten before that.
  const isPresent = (value: number | Tensor) => value instanceof Tensor && presentBlocks.has(value.handle.block);
  const targets = states.some(([, state]) => Object.values(state).some(isPresent)) ? undefined : present;
  return scope(() => {
    const clones: Tensor[] = [];
    const overwritten: [target: Tensor, value: Tensor][] = [];
    const copy = (value: number | Tensor, target: number | Tensor | undefined) => {
      if (typeof value === "number") return value;
      if (target instanceof Tensor && !target.released) {
        overwritten.push([target, value]);
        return target;
      }
      clones.push(noGrad(() => value.clone()));
      return clones[clones.length - 1];
    };
    const copied = states.map(([param, state]): [Tensor, ParamState] => [
      param,
      Object.fromEntries(
        Object.entries(state).map(([name, value]) => [name, copy(value, targets?.get(param)?.[name])]),
      ),
    ]);
    for (const [target, value] of overwritten) target.copy_(value);
    for (const tensor of clones) keep(tensor);
    return copied;
  });
}
