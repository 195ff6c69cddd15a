import { checkBoolean, describe } from "../../checks.ts";
import { OptionError } from "../../errors.ts";

/** Which weights train: a function of their names, a name with `*` for any text, an expression, or a list. */
export type Trainable = ((name: string, shape: readonly number[]) => boolean) | Pattern | readonly Pattern[];
type Pattern = string | RegExp;

/**
 * The test that `trainable` describes. A pattern without a match is an error: a name was misspelt.
 *
 * @throws OptionError for another kind of value.
 */
export class TrainableTest {
  readonly #test: (name: string, shape: readonly number[]) => boolean;
  readonly #unused: Map<Pattern, RegExp>;

  constructor(trainable: Trainable | undefined) {
    this.#unused = new Map();
    if (trainable === undefined) this.#test = () => true;
    else if (typeof trainable === "function") {
      this.#test = (name, shape) => checkBoolean("importOnnx", "the result of trainable", trainable(name, shape));
    } else {
      const patterns = Array.isArray(trainable) ? trainable : [trainable];
      const expressions = new Map(patterns.map((pattern) => [pattern, toExpression(pattern)]));
      this.#unused = new Map(expressions);
      this.#test = (name) => {
        const matching = [...expressions].filter(([, expression]) => expression.test(name));
        for (const [pattern] of matching) this.#unused.delete(pattern);
        return matching.length > 0;
      };
    }
  }

  includes(name: string, shape: readonly number[]): boolean {
    return this.#test(name, shape);
  }

  /** @throws OptionError if a pattern matched no name. */
  expectAllUsed(names: readonly string[]): void {
    const [pattern] = this.#unused.keys();
    if (pattern === undefined) return;
    const shown = names.slice(0, 5).map((name) => JSON.stringify(name));
    const known = [...shown, ...(names.length > 5 ? ["..."] : [])].join(", ");
    throw new OptionError(
      `importOnnx: trainable ${describe(pattern)} matches no weight (${names.length} weights: ${known})`,
    );
  }
}

function toExpression(pattern: Pattern): RegExp {
  if (pattern instanceof RegExp) return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  if (typeof pattern !== "string") {
    throw new OptionError(
      `importOnnx: trainable expected a function, strings or expressions, got ${describe(pattern)}`,
    );
  }
  const literal = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join(".*")}$`, "s");
}
