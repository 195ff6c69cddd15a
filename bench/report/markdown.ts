/**
 * Tables in the docs, between markers: `<!-- bench: NAME -->` … `<!-- /bench -->`. Only the text between the
 * markers is written.
 */

import type { Cells } from "../lib/table.ts";

/** The first `texts` columns are text, the others are numbers. */
export function markdownTable(header: Cells, rows: readonly Cells[], texts = 1): string {
  const line = (cells: Cells) => `| ${cells.join(" | ")} |`;
  const ruler = `|${"---|".repeat(texts)}${"---:|".repeat(header.length - texts)}`;
  return [line(header), ruler, ...rows.map(line)].join("\n");
}

const MARKED = /<!-- bench: ([\w-]+) -->\n.*?<!-- \/bench -->/gs;

/** `text` with every marked part replaced by the table whose name is in its marker. */
export function fillIn(text: string, tables: Readonly<Record<string, string>>): string {
  const opened = text.match(/<!-- bench: /g)?.length ?? 0;
  let filled = 0;
  const result = text.replace(MARKED, (_, name: string) => {
    if (!(name in tables)) throw new Error(`report: there is no table "${name}", only ${Object.keys(tables)}`);
    filled++;
    return `<!-- bench: ${name} -->\n\n${tables[name]}\n\n<!-- /bench -->`;
  });
  if (filled !== opened) throw new Error(`report: ${opened} tables begin, ${filled} end`);
  return result;
}
