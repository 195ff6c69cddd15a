/** Sums of the steps' numbers, from which means are computed. */
export interface Sums {
  count: number;
  totals: Record<string, number>;
}

/** Sums over the running epoch, and over the steps since the last line of the log. */
export interface EpochSums {
  epoch: Sums;
  entry: Sums;
}

/** Means of the steps' numbers, over the running epoch and since the last line of the log. */
export class EpochStatistics {
  #sums: EpochSums = { epoch: noSums(), entry: noSums() };

  add(numbers: Record<string, number>): void {
    for (const sums of Object.values(this.#sums) as Sums[]) {
      sums.count++;
      for (const [name, value] of Object.entries(numbers)) sums.totals[name] = (sums.totals[name] ?? 0) + value;
    }
  }

  /** Means of the epoch so far. */
  get means(): Record<string, number> {
    return meansOf(this.#sums.epoch);
  }

  /** Means since the last line of the log. The next line starts here. */
  endEntry(): Record<string, number> {
    const means = meansOf(this.#sums.entry);
    this.#sums.entry = noSums();
    return means;
  }

  /** Starts the next epoch, and the next line of the log. */
  endEpoch(): void {
    this.#sums = { epoch: noSums(), entry: noSums() };
  }

  state(): EpochSums {
    return structuredClone(this.#sums);
  }

  load(sums: EpochSums): void {
    this.#sums = structuredClone(sums);
  }
}

const noSums = (): Sums => ({ count: 0, totals: {} });

function meansOf({ count, totals }: Sums): Record<string, number> {
  return Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, total / count]));
}
