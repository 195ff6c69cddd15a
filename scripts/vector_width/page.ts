/** The page assembly/packed_kernels.md. */
import { markdownTable } from "../../bench/report/markdown.ts";
import { details, HEADER, type Row, summary } from "./rows.ts";

/** The rows of each family: those of its kernels, with what they call. */
function byFamily(rows: readonly Row[]): Map<string, Row[]> {
  const families = new Map<string, Row[]>();
  let family: Row[] = [];
  for (const row of rows) {
    const name = row.file.split("/")[1].replace(".ts", "");
    if (!row.isCalled) {
      family = families.get(name) ?? [];
      families.set(name, family);
    }
    family.push(row);
  }
  return families;
}

function section(family: string, rows: readonly Row[], versions: readonly string[]): string {
  const isPlain = (row: Row, i: number) =>
    row.states.every((state) => state === "no vectors") && !rows[i + 1]?.isCalled;
  const header = ["kernel", ...versions.map((version) => `Node ${version.split(".")[0]}`), ...HEADER];
  const cells = rows
    .filter((row, i) => !isPlain(row, i))
    .map((row) => [row.isCalled ? `… calls \`${row.name}\`` : `\`${row.name}\``, ...row.states, ...details(row)]);
  const plain = rows.filter(isPlain).map(({ name }) => `\`${name}\``);
  const parts = [`## ${family}`];
  if (cells.length > 0) parts.push(markdownTable(header, cells, header.length));
  if (plain.length > 0) parts.push(`No vectors: ${plain.join(", ")}.`);
  return `${parts.join("\n\n")}\n`;
}

export function packedKernelsPage(rows: readonly Row[], versions: readonly string[]): string {
  return `# What V8 packs in each kernel

<!-- written by \`npm run wide:report -- --write\`: do not edit -->

Where vectors of 256 bits are on, V8 packs two 128-bit operations that lie side by side into one. This is what its own
trace says of each kernel in Node ${versions.join(" and ")}. ${summary(rows)}. The numbers are those of the last
version.

| column | meaning |
|---|---|
| Node | \`packed\`: all pairs of stores that V8 found are packed. \`partly\`: some of them. \`not\`: none, or it did not pay |
| stores | how many pairs of stores side by side are packed, and how many were found |
| operands | the same for pairs of operands, such as the two sums at the end of a loop. Many are no pairs by intention |
| operations | 128-bit operations that are halves now, and all in the code. V8 unrolls short loops, so there may be more of the first |
| saved/cost | what V8 compares: it packs where the first is greater |
| in the way | why pairs are not packed |

${Array.from(byFamily(rows), ([family, own]) => section(family, own, versions)).join("\n")}`;
}
