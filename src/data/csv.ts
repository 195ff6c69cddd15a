import { checkNumber, describe, readOptions } from "../checks.ts";
import { DataError, OptionError } from "../errors.ts";
import { startingThreads } from "../runtime/start_threads.ts";
import { tensor } from "../tensor/creation.ts";
import { stack } from "../tensor/functions.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { isPlainObject } from "../typed_arrays.ts";
import { type CsvRow, parseRows } from "./csv_rows.ts";

/** What the texts of a column become; "skip" leaves the column out. */
export type CsvColumnType = "float32" | "int32" | "category" | "skip";

export interface CsvOptions {
  /**
   * Types of columns, by name. Default: float32 if all values that are not missing are numbers, else
   * categories.
   */
  columns?: Readonly<Record<string, CsvColumnType>>;
  /** Names of the columns of a file without a header. Default: the first line has them. */
  names?: readonly string[];
  /**
   * What happens to missing values. "error" (the default) throws; "drop" leaves out their rows; "nan" and a
   * number replace them in columns of numbers ("nan" only in float32), and throw in categories.
   */
  missing?: "error" | "drop" | "nan" | number;
  /**
   * The texts of missing values, without spaces around them. Default "", "NA", "N/A", "NaN", "nan" and
   * "null".
   */
  missingValues?: readonly string[];
  /** The character between fields. Default ",". */
  delimiter?: string;
}

/** The columns of a CSV file. */
export interface CsvTable {
  /** Number of rows. */
  readonly length: number;
  /** Names of the columns, in the file's order, without skipped ones. */
  readonly names: readonly string[];
  /** A column [N]: float32, or int32 for integers and categories. */
  column(name: string): Tensor;
  /** The texts of a column of categories: category i of the column is text i. They are sorted. */
  categories(name: string): readonly string[];
  /** Columns side by side, float32 [N, K]. Default: all columns that are float32. */
  matrix(names?: readonly string[]): Tensor;
}

const MISSING = ["", "NA", "N/A", "NaN", "nan", "null"];
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

interface Column {
  values: Float32Array | Int32Array;
  categories: readonly string[] | null;
}

/**
 * Reads a table from the text of a CSV file (RFC 4180: fields may be quoted and contain delimiters and line
 * breaks). Blank lines are skipped, and spaces around values removed. The parser, `papaparse`, is part of the
 * package.
 *
 * Values are checked: an error names the line, the column and the text. Categories are numbered in the sorted
 * order of their texts, so their numbers do not depend on the order of the rows.
 *
 * @param text the file's contents, such as `await readFile(path, "utf8")` or `await (await
 *   fetch(url)).text()`
 * @param options `columns` (types by name), `names`, `missing` ("error"), `missingValues`, `delimiter` (",")
 * @throws DataError for a malformed file, a value that does not fit its column, or a missing value;
 * OptionError.
 * @example
 * ```ts
 * import { readCsv, TensorDataset } from "wasmgrad/data";
 * const table = await readCsv("length,width,kind\n5.1,3.5,setosa\n7,3.2,versicolor\n4.9,3,setosa\n");
 * console.log(table.matrix().shape, table.column("kind").toArray()); // [3, 2] [0, 1, 0]
 * console.log(table.categories("kind")); // ["setosa", "versicolor"]
 * const set = new TensorDataset(table.matrix(["length", "width"]), table.column("kind"));
 * console.log(set.length); // 3
 * ```
 */
export async function readCsv(text: string, options?: CsvOptions): Promise<CsvTable> {
  const op = "readCsv";
  if (typeof text !== "string") throw new OptionError(`${op}: expected the file's text, got ${describe(text)}`);
  const given = readOptions(op, options, {
    columns: {} as Readonly<Record<string, CsvColumnType>>,
    names: undefined as readonly string[] | undefined,
    missing: "error" as "error" | "drop" | "nan" | number,
    missingValues: MISSING as readonly string[],
    delimiter: ",",
  });
  const { missing, delimiter } = given;
  if (!["error", "drop", "nan"].includes(missing as string))
    checkNumber(op, 'missing, unless "error", "drop" or "nan",', missing);
  if (typeof delimiter !== "string" || delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new OptionError(`${op}: delimiter expected one character, got ${describe(delimiter)}`);
  }
  const missingValues = new Set(checkTexts(op, "missingValues", given.missingValues));
  const givenNames = given.names && checkTexts(op, "names", given.names);
  const { names, rows } = await startingThreads(() => parseRows(text, delimiter, givenNames));
  const types = checkTypes(op, given.columns, names);
  const kept = names.flatMap((name, c) => (types[name] === "skip" ? [] : [{ name, c }]));
  const isMissing = (row: CsvRow, c: number) => missingValues.has(row.fields[c].trim());
  const present = missing === "drop" ? rows.filter((row) => !kept.some(({ c }) => isMissing(row, c))) : rows;
  const columns = new Map(
    kept.map(({ name, c }): [string, Column] => {
      const cells = present.map((row) => ({
        line: row.line,
        text: isMissing(row, c) ? null : row.fields[c].trim(),
      }));
      return [name, readColumn(name, cells, types[name], missing)];
    }),
  );
  return tableOf(present.length, columns);
}

interface Cell {
  line: number;
  /** Null if the value is missing. */
  text: string | null;
}

function readColumn(
  name: string,
  cells: readonly Cell[],
  given: CsvColumnType | undefined,
  missing: "error" | "drop" | "nan" | number,
): Column {
  const type = given ?? (cells.every(({ text }) => text === null || NUMBER.test(text)) ? "float32" : "category");
  const refuse = ({ line, text }: Cell, expected: string): never => {
    const advice = text === null ? "nothing; see the option missing" : JSON.stringify(text);
    throw new DataError(`readCsv: line ${line}, column "${name}": expected ${expected}, got ${advice}`);
  };
  if (type === "category") {
    const texts = cells.map((cell) => cell.text ?? refuse(cell, "a category"));
    const categories = [...new Set(texts)].sort((a, b) => (a < b ? -1 : 1));
    const codes = new Map(categories.map((text, code) => [text, code]));
    return { values: Int32Array.from(texts, (text) => codes.get(text) as number), categories };
  }
  const replacement = missing === "nan" ? Number.NaN : missing;
  const numbers = cells.map((cell) => {
    const { text } = cell;
    const expected = type === "int32" ? "an int32 integer" : "a float32 number";
    if (text === null && typeof replacement !== "number") return refuse(cell, expected);
    if (text !== null && !NUMBER.test(text)) return refuse(cell, expected);
    const value = text === null ? (replacement as number) : Number(text);
    const fits = type === "int32" ? value === (value | 0) : text === null || Number.isFinite(Math.fround(value));
    return fits ? value : refuse(cell, expected);
  });
  return { values: type === "int32" ? Int32Array.from(numbers) : Float32Array.from(numbers), categories: null };
}

function tableOf(length: number, columns: ReadonlyMap<string, Column>): CsvTable {
  const names = [...columns.keys()];
  const find = (op: string, name: string): Column => {
    const column = columns.get(name);
    if (column) return column;
    throw new OptionError(`${op}: expected one of the columns ${names.join(", ")}, got ${describe(name)}`);
  };
  return {
    length,
    names,
    column: (name) => tensor(find("column", name).values),
    categories(name) {
      const { categories } = find("categories", name);
      if (categories) return categories;
      throw new OptionError(`categories: column "${name}" has numbers, not categories`);
    },
    matrix(chosen = names.filter((name) => find("matrix", name).values instanceof Float32Array)) {
      const parts = checkTexts("matrix", "names", chosen).map((name) => Float32Array.from(find("matrix", name).values));
      if (parts.length === 0) throw new OptionError("matrix: expected one column or more, got none");
      return scope(() =>
        stack(
          parts.map((values) => tensor(values)),
          1,
        ),
      );
    },
  };
}

function checkTexts(op: string, name: string, values: readonly string[]): readonly string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  throw new OptionError(`${op}: ${name} expected an array of texts, got ${describe(values)}`);
}

function checkTypes(
  op: string,
  types: Readonly<Record<string, CsvColumnType>>,
  names: readonly string[],
): Readonly<Record<string, CsvColumnType | undefined>> {
  if (!isPlainObject(types)) throw new OptionError(`${op}: columns expected an object, got ${describe(types)}`);
  for (const [name, type] of Object.entries(types)) {
    if (!names.includes(name)) {
      throw new OptionError(`${op}: columns expected names of ${names.join(", ")}, got ${describe(name)}`);
    }
    if (!["float32", "int32", "category", "skip"].includes(type)) {
      throw new OptionError(
        `${op}: type of column "${name}" expected float32, int32, category or skip, got ${describe(type)}`,
      );
    }
  }
  return Object.assign(Object.create(null), types);
}
