import { WIDE_FLAGS as FLAGS, flagArgument } from "../../src/runtime/wide/flags.ts";

/** The flags under which V8 packs two 128-bit operations into one of 256 bits, as arguments of Node. */
export const WIDE_FLAGS: readonly string[] = FLAGS.map(([name, on]) => flagArgument(name, on));
