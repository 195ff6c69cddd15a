export interface Result {
  runs: number;
  wrong: number;
  /** A hash of the right bits. */
  expected: number;
  errors: [text: string, count: number][];
}

export function stress(runs: number, most: number, slow?: number, atEnd?: () => void): Promise<Result>;
export function summary(result: Result): string;
export function failures(errors: Result["errors"]): number;
