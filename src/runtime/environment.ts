import { OptionError } from "../errors.ts";
import { isNode } from "./node_module.ts";

/**
 * The choice that an environment variable of Node makes. Undefined if it is not set or empty, and outside
 * Node.
 *
 * @throws OptionError if it is set to something else.
 */
export function choiceFromEnvironment<Choice extends string>(
  variable: string,
  choices: readonly Choice[],
): Choice | undefined {
  const given = isNode() ? process.env[variable] : undefined;
  if (given === undefined || given === "") return undefined;
  const choice = choices.find((each) => each === given);
  if (choice === undefined) throw new OptionError(`${variable}: expected ${choices.join(" or ")}, got ${given}`);
  return choice;
}
