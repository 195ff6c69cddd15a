import { WIDE_FLAGS } from "../../src/runtime/wide/flags.ts";

/** Stands for node:v8 with some flags on. The tag is the set of flags that are on. */
export function fakeV8(...on: string[]) {
  const flags = new Set(on);
  return {
    flags,
    setFlagsFromString(text: string) {
      if (text.includes("=")) return;
      const off = text.startsWith("--no-");
      const name = text.slice(off ? 5 : 2);
      if (off) flags.delete(name);
      else flags.add(name);
    },
    cachedDataVersionTag: () => WIDE_FLAGS.reduce((sum, name, bit) => sum + (flags.has(name) ? 2 ** bit : 0), 0),
  };
}
