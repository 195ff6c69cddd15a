import { DataError, OptionError } from "../errors.ts";

/** A row of a CSV file. */
export interface CsvRow {
  /** The line on which it begins, from 1. */
  line: number;
  fields: readonly string[];
}

const LINE_BREAKS = /\r\n|\r|\n/g;
const countBreaks = (text: string) => text.match(LINE_BREAKS)?.length ?? 0;

/**
 * The names of the columns and the rows of a CSV file.
 *
 * @param names the columns of a file without a header
 * @throws DataError for a malformed file, with line and column.
 */
export async function parseRows(
  text: string,
  delimiter: string,
  names: readonly string[] | undefined,
): Promise<{ names: readonly string[]; rows: CsvRow[] }> {
  const { default: papa } = await import("papaparse");
  const { data, errors } = papa.parse<string[]>(text, { delimiter });
  const [error] = errors;
  if (error) {
    const before = text.slice(0, error.index ?? 0);
    const column = before.length - Math.max(before.lastIndexOf("\n"), before.lastIndexOf("\r"));
    throw new DataError(`readCsv: line ${countBreaks(before) + 1}, character ${column}: ${error.message}`);
  }
  let line = 1;
  const rows = data.map((fields): CsvRow => {
    const row = { line, fields };
    line += 1 + fields.reduce((breaks, field) => breaks + countBreaks(field), 0);
    return row;
  });
  const filled = rows.filter(({ fields }) => fields.length > 1 || fields[0].trim() !== "");
  const header = names ?? filled.shift()?.fields.map((name) => name.trim());
  if (!header || header.length === 0)
    throw new DataError("readCsv: expected a line with the names of the columns, got nothing");
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) {
    const message = `readCsv: expected different names of columns, got "${twice}" twice`;
    throw names ? new OptionError(message) : new DataError(message);
  }
  const wrong = filled.find(({ fields }) => fields.length !== header.length);
  if (wrong) {
    throw new DataError(`readCsv: line ${wrong.line}: expected ${header.length} fields, got ${wrong.fields.length}`);
  }
  return { names: header, rows: filled };
}
