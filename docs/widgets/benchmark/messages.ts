/** What the benchmark's worker tells the page. */

/** A measurement, as the recorded results name it. */
export interface Entry {
  readonly key: string;
  readonly name: string;
  /** Floating-point operations of one call, where the definition tells them. */
  readonly flops?: number;
}

export type BenchmarkMessage =
  | { readonly type: "entries"; readonly entries: readonly Entry[]; readonly rounds: number }
  /** The medians of the rounds so far, in milliseconds. */
  | { readonly type: "round"; readonly round: number; readonly medians: Readonly<Record<string, number>> }
  | { readonly type: "failed"; readonly message: string };
