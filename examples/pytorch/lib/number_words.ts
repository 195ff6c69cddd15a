const ONES = [
  ..."zero one two three four five six seven eight nine ten eleven twelve".split(" "),
  ..."thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(" "),
];
const TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** The words of all numbers. */
export const NUMBER_WORDS: readonly string[] = [...ONES, ...TENS, "hundred", "thousand"];

/** An integer from 1 to 999999 in words. */
export function inWords(n: number): string[] {
  const rest = (unit: number) => (n % unit === 0 ? [] : inWords(n % unit));
  if (n >= 1000) return [...inWords(Math.floor(n / 1000)), "thousand", ...rest(1000)];
  if (n >= 100) return [ONES[Math.floor(n / 100)], "hundred", ...rest(100)];
  if (n >= 20) return [TENS[Math.floor(n / 10) - 2], ...rest(10)];
  return [ONES[n]];
}
