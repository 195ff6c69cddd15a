import { DataError, OptionError } from "../errors.ts";
import { readJsonNumber, toJsonNumber } from "../json_number.ts";

/** The values of a configuration, which both JSON and a command line can represent. */
export type Config = Record<string, number | string | boolean>;

/** JSON.stringify would write null for NaN and infinities. */
export const toJsonText = (_: string, value: unknown) => toJsonNumber(value);

/** Checks that a folder has no run, or one with the same configuration. */
export function checkConfig(folder: string, text: string | undefined, recorded: object): void {
  if (text === undefined) return;
  const before = JSON.parse(text);
  if (JSON.stringify(before) === JSON.stringify(recorded, toJsonText)) return;
  throw new OptionError(`${folder} holds a run with another configuration: ${JSON.stringify(before.config)}`);
}

export function parseConfig(folder: string, text: string | undefined): Config {
  try {
    if (text === undefined) throw new DataError("there is no such file");
    const { config } = JSON.parse(text);
    if (typeof config !== "object" || config === null) throw new DataError("it has no configuration of a run");
    return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, readJsonNumber(value)])) as Config;
  } catch (cause) {
    throw new DataError(`${folder}/config.json: cannot be read: ${(cause as Error).message}`, { cause });
  }
}
