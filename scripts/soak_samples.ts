/** The number of memory samples in a soak test. */
export const SAMPLES = 30;

const MIB = 2 ** 20;

/** The most memory that the last third of the samples may use, given that of the second third. */
const allowed = (before: number) => 1.2 * before + 48 * MIB;

/** Bytes, by name. */
export type Sample = Record<string, number>;

export function shown(sample: Sample): string {
  return Object.entries(sample)
    .map(([name, bytes]) => `${name} ${(bytes / MIB).toFixed(0)} MiB`)
    .join(", ");
}

/** Whether memory stayed flat; prints the answer on the console too. */
export function isFlat(program: string, samples: readonly Sample[]): boolean {
  const third = samples.length / 3;
  const most = (name: string, from: number, to: number) =>
    Math.max(...samples.slice(Math.floor(from), Math.floor(to)).map((sample) => sample[name]));
  const grown = Object.keys(samples[0] ?? {}).filter(
    (name) => !(most(name, 2 * third, 3 * third) <= allowed(most(name, third, 2 * third))),
  );
  const flat = samples.length >= 3 && grown.length === 0;
  console.log(`${program}: ${flat ? "flat" : `NOT FLAT: ${grown.join(", ") || "too few samples"}`}`);
  return flat;
}
