import type { Case } from "../case.ts";
import { BUNDLERS } from "./bundlers.ts";
import { RUNTIMES } from "./runtimes.ts";
import { TEST_RUNNERS } from "./test_runners.ts";

/** The cases, by the headings of the page. */
export const GROUPS: Record<string, Case[]> = {
  Bundlers: BUNDLERS,
  "Runtimes and tools": RUNTIMES,
  "Test runners": TEST_RUNNERS,
};
