import { Random } from "./random.ts";

/** A kind of random cases. */
export interface Kind {
  name: string;
  /** Runs one case, and throws if it fails. Returns a name under which the case is counted. */
  run(random: Random): string | Promise<string>;
  /** Called once before the first case; the function that it returns is called after the last. */
  prepare?(): (() => void) | Promise<() => void>;
}

export interface Failure {
  kind: string;
  seed: number;
  index: number;
  message: string;
}

export interface Outcome {
  counts: Map<string, number>;
  failures: Failure[];
}

/** A case that failed, with the data needed to understand it. */
export class CaseError extends Error {}

export interface RunOptions {
  /** The first case. Default 0. */
  first?: number;
  /** No case starts later than this many milliseconds after the first. Default Infinity. */
  limit?: number;
  /** Called before each case. */
  onCase?: (kind: string, index: number) => void;
}

/** Runs `count` cases of a kind. Stops after ten failures. */
export async function runKind(kind: Kind, seed: number, count: number, options: RunOptions = {}): Promise<Outcome> {
  const { first = 0, limit = Infinity, onCase } = options;
  const outcome: Outcome = { counts: new Map(), failures: [] };
  const finish = await kind.prepare?.();
  const end = performance.now() + limit;
  try {
    for (let index = first; index < first + count && outcome.failures.length < 10; index++) {
      if (performance.now() > end) break;
      onCase?.(kind.name, index);
      let name = "failed";
      try {
        name = await kind.run(new Random(seed, index, kind.name));
      } catch (error) {
        const message = error instanceof CaseError ? error.message : String((error as Error)?.stack ?? error);
        outcome.failures.push({ kind: kind.name, seed, index, message });
      }
      outcome.counts.set(name, (outcome.counts.get(name) ?? 0) + 1);
    }
  } finally {
    finish?.();
  }
  return outcome;
}

/** A failure, and the command that reproduces it. */
export function describeFailure({ kind, seed, index, message }: Failure): string {
  return `FAILED ${kind}, case ${index}: ${message}\n  again: npm run fuzz -- --seed ${seed} --only ${kind} --case ${index}`;
}
