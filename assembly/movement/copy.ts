// Copying memory.

/** Copies `bytes` bytes; the ranges may overlap. */
export function copyBytes(to: usize, from: usize, bytes: u32): void {
  memory.copy(to, from, bytes);
}
