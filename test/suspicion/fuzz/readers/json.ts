/**
 * A reader of JSON that is independent of the engine's: it follows the grammar (RFC 8259), and a repeated key
 * is an error.
 */

export type Json = null | boolean | number | string | Json[] | Map<string, Json>;

/** The error for an invalid file. */
export class Refused extends Error {}

export function readJson(text: string): Json {
  let at = 0;
  const fail = (what: string): never => {
    throw new Refused(`JSON: ${what} at ${at}`);
  };
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? "";
    at += found.length;
    return found;
  };
  const space = () => take(/[ \t\n\r]*/y);
  const expect = (word: string) => {
    if (!text.startsWith(word, at)) fail(`no ${word}`);
    at += word.length;
  };
  const readString = (): string => {
    const raw = take(/"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    if (!raw || Array.from(raw).some((character) => character < " ")) fail("no string");
    const escapes: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
    return raw
      .slice(1, -1)
      .replace(/\\(u(....)|.)/g, (_, one: string, code: string | undefined) =>
        code ? String.fromCharCode(Number.parseInt(code, 16)) : (escapes[one] ?? one),
      );
  };
  const readList = <T>(end: string, readItem: () => T): T[] => {
    const items: T[] = [];
    space();
    while (!text.startsWith(end, at)) {
      if (items.length > 0) expect(",");
      items.push(readItem());
      space();
    }
    expect(end);
    return items;
  };
  const readValue = (): Json => {
    space();
    const first = text[at];
    if (first === '"') return readString();
    if (first === "[") {
      at++;
      return readList("]", readValue);
    }
    if (first === "{") {
      at++;
      const fields = readList("}", (): [string, Json] => {
        space();
        const key = readString();
        space();
        expect(":");
        return [key, readValue()];
      });
      if (new Set(fields.map(([key]) => key)).size < fields.length) fail("a key twice");
      return new Map(fields);
    }
    for (const [word, value] of [
      ["null", null],
      ["true", true],
      ["false", false],
    ] as const) {
      if (!text.startsWith(word, at)) continue;
      at += word.length;
      return value;
    }
    const number = take(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y);
    return number ? Number(number) : fail("no value");
  };
  const value = readValue();
  space();
  if (at < text.length) fail("something after the end");
  return value;
}
