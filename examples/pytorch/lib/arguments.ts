import { parseArgs } from "node:util";

/**
 * The options of a program, given as `--name value`, or `--name` for one that is false by default. `defaults`
 * lists them all: numbers, texts and false.
 *
 * @throws TypeError that lists the options, for an unknown one; RangeError for a text in place of a number.
 */
export function readArguments<T extends Record<string, number | string | boolean>>(
  args: readonly string[],
  defaults: T,
): { [name in keyof T]: T[name] extends number ? number : T[name] extends string ? string : boolean } {
  const kinds = Object.entries(defaults).map(([name, value]) => {
    return [name, { type: typeof value === "boolean" ? "boolean" : "string" }] as const;
  });
  const options = Object.fromEntries(kinds);
  const unknown = args.find((arg) => arg.startsWith("--") && !(arg.slice(2).split("=")[0] in options));
  if (unknown) throw new TypeError(`${unknown}: the options are --${Object.keys(defaults).join(" --")}`);
  const { values } = parseArgs({ args: [...args], options });
  const read = Object.entries(defaults).map(([name, value]) => {
    const given = values[name] ?? value;
    if (typeof value !== "number") return [name, given];
    if (given === "" || !Number.isFinite(Number(given))) throw new RangeError(`--${name}: ${given} is not a number`);
    return [name, Number(given)];
  });
  return Object.fromEntries(read);
}
