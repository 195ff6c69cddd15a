import type { Case } from "../case.ts";
import { BUNDLERS } from "./bundlers.ts";
import { FRAMEWORKS } from "./frameworks.ts";
import { PAGES } from "./pages.ts";
import { RUNTIMES } from "./runtimes.ts";
import { TEST_RUNNERS } from "./test_runners.ts";

/** The cases, by the headings of the page. */
export const GROUPS: Record<string, Case[]> = {
  Bundlers: BUNDLERS,
  Frameworks: FRAMEWORKS,
  "Pages, workers and policies": PAGES,
  "Runtimes and tools": RUNTIMES,
  "Test runners": TEST_RUNNERS,
};
