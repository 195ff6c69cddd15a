/**
 * Converts numbers that JSON lacks (NaN, Infinity, -Infinity) to strings; `JSON.stringify` would write null.
 * Other values are returned unchanged, so this can be the `replacer` of `JSON.stringify`.
 */
export function toJsonNumber<T>(value: T): T | string {
  return typeof value === "number" && !Number.isFinite(value) ? `${value}` : value;
}

/** The inverse of `toJsonNumber`. */
export function readJsonNumber(value: unknown): unknown {
  return value === "Infinity" || value === "-Infinity" || value === "NaN" ? Number(value) : value;
}
