import type { Ceiling } from "./ceiling.ts";
import type { Plan } from "./measure.ts";
import type { Results } from "./results.ts";

/** The arguments of all suites. */
export interface Context extends Plan {
  /** Compiled on first use. */
  ceiling(): Promise<Ceiling>;
  /** Number of threads, for the suites that measure ops and kernels. */
  threads: number;
  /** Saves the rows, together with the machine and the settings, in the results. */
  save<Row>(suite: string, rows: Row[], settings?: Results<Row>["settings"]): void;
}

export interface Suite {
  name: string;
  about: string;
  run(context: Context): Promise<void>;
}
