/** Tables for terminals. */

export type Cells = readonly string[];

/** Prints columns of equal width. The first `texts` columns are left-aligned, numbers right-aligned. */
export function printTable(title: string, header: Cells, rows: readonly Cells[], texts = 1): void {
  const widths = header.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)));
  const line = (cells: Cells) =>
    cells.map((cell, i) => (i < texts ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  console.log(`\n${title}\n${[header, ...rows].map(line).join("\n")}`);
}

/** Three significant digits, but all digits of an integer part: 0.123, 1.23, 12.3, 123, 1234. */
export function digits(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude < 1 ? 3 : magnitude < 10 ? 2 : magnitude < 100 ? 1 : 0);
}

/** A share, without decimals. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
