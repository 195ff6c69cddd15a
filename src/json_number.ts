/**
 * Numbers that JSON has not (NaN, Infinity, -Infinity) as the strings that JavaScript prints for them, where
 * `JSON.stringify` writes null. Anything else stays as it is: also a `replacer` of `JSON.stringify`.
 */
export function toJsonNumber<T>(value: T): T | string {
  return typeof value === "number" && !Number.isFinite(value) ? `${value}` : value;
}

/** What `toJsonNumber` was given. */
export function readJsonNumber(value: unknown): unknown {
  return value === "Infinity" || value === "-Infinity" || value === "NaN" ? Number(value) : value;
}
