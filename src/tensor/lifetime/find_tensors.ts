import type { Owned } from "./handle.ts";
import { handleOf } from "./reclaim.ts";

/** Whether a value is a tensor. */
export function isTensor(value: unknown): value is Owned {
  return typeof value === "object" && value !== null && handleOf(value) !== undefined;
}

/**
 * Visits all tensors in a value: the value itself, and tensors in arrays, Maps, Sets and the fields of
 * objects, at any depth. Cycles are allowed.
 */
export function forEachTensor(root: unknown, visit: (tensor: Owned) => void): void {
  const seen = new Set<unknown>();
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (isTensor(value)) visit(value);
    else if (Array.isArray(value) || value instanceof Set) for (const item of value) pending.push(item);
    else if (value instanceof Map) for (const entry of value) pending.push(...entry);
    else if (!ArrayBuffer.isView(value)) for (const item of Object.values(value)) pending.push(item);
  }
}
