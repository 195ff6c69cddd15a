import { describe, isPromise } from "../checks.ts";
import { StateDictError } from "../errors.ts";
import { isPlainObject } from "../typed_arrays.ts";
import { Tensor } from "./tensor.ts";

/** The kinds of objects that have state dicts. */
export type StateKind =
  | "module"
  | "optimizer"
  | "scheduler"
  | "DataLoader"
  | "MovingAverage"
  | "EarlyStopping"
  | "Trainer"
  | "Generator";

type State = Record<string, unknown>;

const has =
  (...keys: string[]) =>
  (state: State) =>
    keys.every((key) => Object.hasOwn(state, key));

/**
 * The test for each kind of state, in the order in which they are tried. Tensors identify a module's state.
 */
const SIGNS: [kind: StateKind, is: (state: State) => boolean][] = [
  ["optimizer", has("state", "paramGroups")],
  ["Trainer", has("place", "states", "log")],
  ["EarlyStopping", has("best", "waited", "weights")],
  ["MovingAverage", has("steps", "weights")],
  ["DataLoader", has("seed", "epoch", "position")],
  ["Generator", has("seed", "offset")],
  ["scheduler", has("lastEpoch")],
];

/** The kind of object to which a state belongs, or undefined if that is unclear. */
function kindOf(state: State): StateKind | undefined {
  const values = Object.values(state);
  if (values.length > 0 && values.every((value) => value instanceof Tensor)) return "module";
  return SIGNS.find(([, is]) => is(state))?.[0];
}

/** Options that only one optimizer has. */
const OPTIMIZERS: [option: string, name: string][] = [
  ["betas", "Adam or AdamW"],
  ["alpha", "RMSprop"],
  ["nesterov", "SGD"],
];

/** Maximum number of names that an error lists. */
const MOST_NAMES = 4;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map((name) => `"${name}"`);
  return shown.join(", ") + (names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : "");
}

/** Describes a state for an error, by the object to which it belongs or by its keys. */
export function describeState(state: unknown): string {
  if (typeof state === "string") return `${describe(state)}; expected what stateDict() gave: read a file first`;
  if (typeof (state as { stateDict?: unknown } | null | undefined)?.stateDict === "function") {
    return `${describe(state)}; pass what its stateDict() gives`;
  }
  if (isPromise(state) || !isPlainObject(state)) return describe(state);
  const kind = kindOf(state);
  const names = Object.keys(state);
  if (kind === "module") return `a module's state (tensors ${listed(names)})`;
  if (kind === "scheduler") return `the state of ${typeof state.name === "string" ? state.name : "a scheduler"}`;
  if (kind === "optimizer") {
    const group = (state.paramGroups as State[] | null)?.[0] ?? {};
    return `the state of ${OPTIMIZERS.find(([option]) => Object.hasOwn(group, option))?.[1] ?? "an optimizer"}`;
  }
  if (kind) return `the state of ${/^E/.test(kind) ? "an" : "a"} ${kind}`;
  return names.length === 0 ? "an empty object" : `an object with ${listed(names)}`;
}

/**
 * Rejects a state of another kind, and values that are not state dicts.
 *
 * @param owner the name of the object that loads the state, such as "SGD"
 * @throws StateDictError
 */
export function checkStateKind(owner: string, kind: StateKind, state: unknown): void {
  if (isPlainObject(state)) {
    const found = kindOf(state);
    if (found === undefined || found === kind) return;
  }
  refuseState(owner, state);
}

/** Throws the error that names the expected state and the given state. */
export function refuseState(owner: string, state: unknown): never {
  throw new StateDictError(`${owner}.loadStateDict: expected the state of ${owner}, got ${describeState(state)}`);
}
