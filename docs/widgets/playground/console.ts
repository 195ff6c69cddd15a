/** The console of a run: prints as Node does, and sends the lines to the page. */
import { formatWithOptions, inspect } from "node-inspect-extracted";
import type { LineKind, RunMessage } from "./messages.ts";

/** So many lines in so many milliseconds are sent at once. More of them are collected, so that a page keeps up. */
const [MOST_LINES, WINDOW_MS] = [100, 100];

/** The library's advice to whoever serves a page, which is no help to those who visit this one. */
const isAdvice = (value: unknown) => typeof value === "string" && value.startsWith("wasmgrad: one thread, since");

/** Cells side by side in a frame, as `console.table` of Node shows them. */
function frame(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)) + 2);
  const line = (left: string, middle: string, right: string) =>
    left + widths.map((width) => "─".repeat(width)).join(middle) + right;
  const cells = rows.map((row) => `│${row.map((cell, i) => ` ${cell}`.padEnd(widths[i])).join("│")}│`);
  return [line("┌", "┬", "┐"), cells[0], line("├", "┼", "┤"), ...cells.slice(1), line("└", "┴", "┘")].join("\n");
}

function table(data: object): string {
  const show = (value: unknown) => inspect(value, { depth: 0 });
  const items = data instanceof Map || data instanceof Set ? [...data] : data;
  const entries = Object.entries(items);
  const isRow = (value: unknown): value is object => typeof value === "object" && value !== null;
  const columns = [...new Set(entries.flatMap(([, value]) => (isRow(value) ? Object.keys(value) : [])))];
  const hasValues = entries.some(([, value]) => !isRow(value));
  const head = ["(index)", ...columns, ...(hasValues ? ["Values"] : [])];
  const rows = entries.map(([index, value]) => {
    const fields = isRow(value) ? (value as Record<string, unknown>) : {};
    const cells = columns.map((column) => (column in fields ? show(fields[column]) : ""));
    return [index, ...cells, ...(hasValues ? [isRow(value) ? "" : show(value)] : [])];
  });
  return frame([head, ...rows]);
}

/**
 * Replaces the console of this worker.
 *
 * @param isPicture values that `showPicture` takes, in place of a text
 * @returns sends the lines that were collected.
 */
export function replaceConsole(
  post: (message: RunMessage) => void,
  isPicture: (value: unknown) => boolean,
  showPicture: (value: unknown) => void,
): () => void {
  let waiting: { kind: LineKind; text: string }[] = [];
  let windowStart = 0;
  let sent = 0;
  let indent = "";
  const counts = new Map<string, number>();
  const times = new Map<string, number>();

  function flush(): void {
    if (waiting.length > 0) post({ type: "lines", lines: waiting });
    waiting = [];
  }

  function line(kind: LineKind, text: string): void {
    const now = performance.now();
    if (now - windowStart > WINDOW_MS) [windowStart, sent] = [now, 0];
    if (sent === MOST_LINES) setTimeout(flush, WINDOW_MS);
    waiting.push({ kind, text: indent ? text.replace(/^/gm, indent) : text });
    if (sent++ < MOST_LINES) flush();
    else if (waiting.length >= 1000) flush();
  }

  const print =
    (kind: LineKind) =>
    (...values: unknown[]) => {
      const texts = values.filter((value) => !isPicture(value));
      if (texts.length > 0 || values.length === 0) line(kind, formatWithOptions({}, ...texts));
      for (const value of values) if (isPicture(value)) showPicture(value);
    };

  const since = (label: string) => {
    const milliseconds = performance.now() - (times.get(label) ?? performance.now());
    return `${label}: ${milliseconds < 1000 ? `${milliseconds.toFixed(3)}ms` : `${(milliseconds / 1000).toFixed(3)}s`}`;
  };
  const [log, warn] = [print("log"), print("warn")];
  const group = (...values: unknown[]) => {
    if (values.length > 0) log(...values);
    indent += "  ";
  };

  Object.assign(console, {
    log,
    info: log,
    debug: log,
    warn: (...values: unknown[]) => {
      if (!isAdvice(values[0])) warn(...values);
    },
    error: print("error"),
    dir: (value: unknown, options?: object) => line("log", inspect(value, { customInspect: false, ...options })),
    table(data: unknown) {
      if (typeof data === "object" && data !== null) line("log", table(data));
      else log(data);
    },
    assert(holds: unknown, ...values: unknown[]) {
      if (!holds) line("error", `Assertion failed${values.length ? `: ${formatWithOptions({}, ...values)}` : ""}`);
    },
    count(label = "default") {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      line("log", `${label}: ${counts.get(label)}`);
    },
    time: (label = "default") => void times.set(label, performance.now()),
    timeLog: (label = "default") => line("log", since(label)),
    timeEnd(label = "default") {
      line("log", since(label));
      times.delete(label);
    },
    group,
    groupCollapsed: group,
    groupEnd() {
      indent = indent.slice(2);
    },
  });
  return flush;
}
