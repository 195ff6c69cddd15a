/** The statistics of all tables: medians, on which a disturbed round has little effect. */

/** The value at `fraction` of the sorted values, with linear interpolation between neighbours. */
export function quantile(values: readonly number[], fraction: number): number {
  if (values.length === 0) throw new Error("quantile: no values");
  const sorted = [...values].sort((a, b) => a - b);
  const at = fraction * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * The ratio of two alternating measurements: the median of the ratios of the rounds, because a shared machine
 * drifts from round to round.
 */
export interface Ratio {
  median: number;
  /** Half of the rounds are between these two. */
  low: number;
  high: number;
}

/** The ratios `numerators[i] / denominators[i]`, one per round. */
export function ratioOfRounds(numerators: readonly number[], denominators: readonly number[]): Ratio {
  if (numerators.length !== denominators.length) {
    throw new Error(`ratioOfRounds: ${numerators.length} rounds over ${denominators.length}`);
  }
  const ratios = numerators.map((value, round) => value / denominators[round]);
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}
