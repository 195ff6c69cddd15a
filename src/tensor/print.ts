import type { DType, TypedArray } from "../ops/core/array.ts";

// These are PyTorch's rules: see torch/_tensor_str.py.
/** Digits after the decimal point. */
const PRECISION = 4;
/** Tensors with more elements than this are summarised: only the edges are shown. */
const THRESHOLD = 1000;
/** Number of elements shown at each end of a summarised dimension. */
const EDGE_ITEMS = 3;
const LINE_WIDTH = 80;

/** The function that writes an element, and the width to which all elements are padded. */
interface Format {
  write(value: number): string;
  width: number;
}

/** The positions of a dimension that are shown; null marks the omitted positions. */
function shownPositions(length: number, summarize: boolean): (number | null)[] {
  if (!summarize || length <= 2 * EDGE_ITEMS) return Array.from({ length }, (_, i) => i);
  const edge = Array.from({ length: EDGE_ITEMS }, (_, i) => i);
  return [...edge, null, ...edge.map((i) => length - EDGE_ITEMS + i)];
}

/** The values that will be shown. */
function shownValues(data: TypedArray, shape: readonly number[], summarize: boolean, offset = 0): number[] {
  if (shape.length === 0) return [data[offset]];
  const [length, ...inner] = shape;
  const step = inner.reduce((product, size) => product * size, 1);
  return shownPositions(length, summarize).flatMap((i) =>
    i === null ? [] : shownValues(data, inner, summarize, offset + i * step),
  );
}

/**
 * If two digit strings are equally close to a number, C and Python choose the one that ends in an even digit,
 * but JavaScript chooses the larger one.
 */
function tiesToEven(rounded: string, exact: string): string {
  const [digits, exponent = ""] = exact.split("e");
  const at = digits.indexOf(".") + PRECISION + 1;
  const isTie = /^50*$/.test(digits.slice(at)) && Number(digits[at - 1]) % 2 === 0;
  return isTie ? digits.slice(0, at) + (exponent && `e${exponent}`) : rounded;
}

function writeSpecial(value: number): string | null {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? null : value < 0 ? "-inf" : "inf";
}

function sign(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

/** `-1.0312` */
function writeFixed(value: number): string {
  const size = Math.abs(value);
  return writeSpecial(value) ?? sign(value) + tiesToEven(size.toFixed(PRECISION), size.toFixed(60));
}

/** `-1.0312e-05` */
function writeScientific(value: number): string {
  const size = Math.abs(value);
  const text = tiesToEven(size.toExponential(PRECISION), size.toExponential(60));
  return writeSpecial(value) ?? sign(value) + text.replace(/e([+-])(\d)$/, "e$10$2");
}

/** `-1.` */
function writeWhole(value: number): string {
  return writeSpecial(value) ?? `${sign(value)}${Math.abs(value).toFixed(0)}.`;
}

/** The common format of floats: integers, four decimals, or scientific if magnitudes differ widely. */
function floatFormat(values: readonly number[]): Format {
  const counted = values.filter((value) => Number.isFinite(value) && value !== 0);
  if (counted.length === 0) return { write: writeWhole, width: 1 };
  const sizes = counted.map(Math.abs);
  const smallest = sizes.reduce((a, b) => Math.min(a, b));
  const largest = sizes.reduce((a, b) => Math.max(a, b));
  const whole = counted.every(Number.isInteger);
  const scientific = largest / smallest > 1000 || largest > 1e8 || (!whole && smallest < 1e-4);
  const write = scientific ? writeScientific : whole ? writeWhole : writeFixed;
  return { write, width: Math.max(...counted.map((value) => write(value).length)) };
}

function formatOf(values: readonly number[], dtype: DType): Format {
  if (dtype === "float32") return floatFormat(values);
  const write = dtype === "bool" ? (value: number) => (value ? "True" : "False") : String;
  return { write, width: Math.max(1, ...values.map((value) => write(value).length)) };
}

/** The elements in brackets; `indent` is the column where they start. */
function writeElements(
  data: TypedArray,
  shape: readonly number[],
  format: Format,
  summarize: boolean,
  indent: number,
  offset = 0,
): string {
  const writeElement = (at: number) => format.write(data[at]).padStart(format.width);
  if (shape.length === 0) return writeElement(offset);
  const [length, ...inner] = shape;
  const positions = shownPositions(length, summarize);
  const newLine = `,${"\n".repeat(Math.max(inner.length, 1))}${" ".repeat(indent + 1)}`;
  if (inner.length > 0) {
    const step = inner.reduce((product, size) => product * size, 1);
    const parts = positions.map((i) =>
      i === null ? "..." : writeElements(data, inner, format, summarize, indent + 1, offset + i * step),
    );
    return `[${parts.join(newLine)}]`;
  }
  const parts = positions.map((i) => (i === null ? " ..." : writeElement(offset + i)));
  const perLine = Math.max(1, Math.floor((LINE_WIDTH - indent) / (format.width + 2)));
  const lines = Array.from({ length: Math.ceil(parts.length / perLine) }, (_, k) =>
    parts.slice(k * perLine, (k + 1) * perLine).join(", "),
  );
  return `[${lines.join(newLine)}]`;
}

/** Appends `, suffix` for each suffix, on a new line if the line would be too long. */
function withSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  let column = text.length - text.lastIndexOf("\n") + 1;
  let result = text;
  for (const suffix of suffixes) {
    const wraps = column + suffix.length + 2 > LINE_WIDTH;
    result += wraps ? `,\n${" ".repeat(indent)}${suffix}` : `, ${suffix}`;
    column = wraps ? indent + suffix.length : column + suffix.length + 2;
  }
  return `${result})`;
}

/**
 * Formats a tensor as PyTorch does. Floats are padded to a common width and have four decimals, or the form
 * `1.` if all are integers. They are in scientific notation if the magnitudes differ by a factor of more than
 * 1000 or are very large or small. If a tensor has more than 1000 elements, only the first and last three
 * positions of each dimension are shown. `suffix` describes the tensor's role in the graph.
 */
export function formatTensor(data: TypedArray, shape: readonly number[], dtype: DType, suffix: string | null): string {
  const prefix = "tensor(";
  const suffixes: string[] = [];
  if (data.length === 0 && shape.length !== 1) suffixes.push(`size=[${shape.join(", ")}]`);
  if (dtype === "int32" || (data.length === 0 && dtype !== "float32")) suffixes.push(`dtype=${dtype}`);
  if (suffix) suffixes.push(suffix);
  const summarize = data.length > THRESHOLD;
  const elements = () => {
    const format = formatOf(shownValues(data, shape, summarize), dtype);
    return writeElements(data, shape, format, summarize, prefix.length);
  };
  return withSuffixes(prefix + (data.length === 0 ? "[]" : elements()), suffixes, prefix.length);
}
