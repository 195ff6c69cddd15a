/** What a rank reports to rank 0, which keeps account of who waits where and who has ended. */
export interface RankReport {
  rank: number;
  /** "waits": in collective number `collective`; "ended": the program of the rank has ended. */
  state: "waits" | "ended";
  /** Number of the collective, counted from 1, and its name. */
  collective: number;
  name: string;
}

/** Bytes of a report as text. */
export const REPORT_BYTES = 256;

export function encodeReport(report: RankReport): Uint8Array {
  const bytes = new Uint8Array(REPORT_BYTES);
  new TextEncoder().encodeInto(JSON.stringify({ ...report, name: report.name.slice(0, 80) }), bytes);
  return bytes;
}

export function decodeReport(bytes: Uint8Array): RankReport {
  return JSON.parse(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))) as RankReport;
}

/** The account of rank 0: the newest report of each rank. */
export class Account {
  readonly #reports = new Map<number, RankReport>();
  readonly #worldSize: number;

  constructor(worldSize: number) {
    this.#worldSize = worldSize;
  }

  add(report: RankReport): void {
    this.#reports.set(report.rank, report);
  }

  /**
   * Why collective number `collective` can never be complete: a rank waits in it, and another has ended. Null
   * if that is not so.
   */
  deadlock(collective: number): string | null {
    const reports = [...this.#reports.values()];
    const ended = reports.filter(({ state }) => state === "ended");
    const waits = reports.find((report) => report.state === "waits" && report.collective >= collective);
    if (!waits || ended.length === 0) return null;
    const names = ranksText(ended.map(({ rank }) => rank));
    return `${names} ended, but rank ${waits.rank} waits for all ranks at ${waits.name}`;
  }

  /** The ranks that have not reported that they wait in a collective. */
  missing(collective: number): number[] {
    return Array.from({ length: this.#worldSize }, (_, rank) => rank).filter((rank) => {
      const report = this.#reports.get(rank);
      return report?.state !== "waits" || report.collective < collective;
    });
  }
}

/** "rank 3" or "ranks 1, 2 and 5". */
export function ranksText(ranks: readonly number[]): string {
  if (ranks.length === 1) return `rank ${ranks[0]}`;
  const shown = ranks.length > 8 ? [...ranks.slice(0, 7), `${ranks.length - 7} others`] : ranks;
  return `ranks ${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
