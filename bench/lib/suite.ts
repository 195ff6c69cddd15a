import type { Ceiling } from "./ceiling.ts";
import type { Plan } from "./measure.ts";
import type { Results } from "./results.ts";

/** What all suites are given. */
export interface Context extends Plan {
  /** Compiled at the first use. */
  ceiling(): Promise<Ceiling>;
  /** Threads of the suites that measure ops and kernels. */
  threads: number;
  /** Writes the rows and what they depend on to the results. */
  save<Row>(suite: string, rows: Row[], settings?: Results<Row>["settings"]): void;
}

export interface Suite {
  name: string;
  about: string;
  run(context: Context): Promise<void>;
}
