import { readOptions } from "../checks.ts";
import { formatShape, StateDictError } from "../errors.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tensors by path, such as "encoder.0.weight". */
export type StateDict = Record<string, Tensor>;

export interface LoadOptions {
  /** Whether missing and unexpected names are errors. Default true. */
  strict?: boolean;
}

/** Names that `loadStateDict` could not match. */
export interface LoadResult {
  missingKeys: string[];
  unexpectedKeys: string[];
}

const describe = (tensor: Tensor) => `${tensor.dtype} ${formatShape(tensor.shape)}`;

/**
 * Copies `state` into the `targets` with the same names. Throws one error that lists everything that does not
 * fit.
 */
export function loadInto(
  what: string,
  targets: Iterable<readonly [string, Tensor]>,
  state: StateDict,
  options?: LoadOptions,
): LoadResult {
  const { strict } = readOptions(`${what}.loadStateDict`, options, { strict: true });
  checkStateKind(what, "module", state);
  const own = new Map(targets);
  const given = new Map(Object.entries(state));
  const missingKeys = [...own.keys()].filter((name) => !given.has(name));
  const unexpectedKeys = [...given.keys()].filter((name) => !own.has(name));
  const mismatches: string[] = [];
  for (const [name, target] of own) {
    const source = given.get(name);
    if (source === undefined) continue;
    if (!(source instanceof Tensor)) mismatches.push(`"${name}" expected ${describe(target)}, got no tensor`);
    else if (source.released) mismatches.push(`"${name}" was released before it was loaded`);
    else if (describe(source) !== describe(target)) {
      mismatches.push(`"${name}" expected ${describe(target)}, got ${describe(source)}`);
    }
  }
  const names = (keys: string[]) => keys.map((name) => `"${name}"`).join(", ");
  const problems = [
    ...(strict && missingKeys.length > 0 ? [`missing: ${names(missingKeys)}`] : []),
    ...(strict && unexpectedKeys.length > 0 ? [`unexpected: ${names(unexpectedKeys)}`] : []),
    ...mismatches.map((mismatch) => `mismatched: ${mismatch}`),
  ];
  if (problems.length > 0) {
    throw new StateDictError(
      `${what}.loadStateDict: the state does not fit, nothing was changed\n  ${problems.join("\n  ")}`,
    );
  }
  for (const [name, target] of own) {
    const source = given.get(name);
    if (source) target.copy_(source);
  }
  return { missingKeys, unexpectedKeys };
}
