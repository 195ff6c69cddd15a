declare const kind: unique symbol;

/**
 * An address in the linear memory, in bytes. JavaScript sees a number, TypeScript a distinct
 * type: kernels take it where AssemblyScript says `usize`, so a size in its place does not
 * compile, nor do the two exchanged.
 */
export type Address = number & { readonly [kind]: "address" };

/** No address: for optional arguments of kernels. */
export const NULL = 0 as Address;

/** The address `bytes` bytes after another (before it, where negative). */
export function offset(address: Address, bytes: number): Address {
  return (address + bytes) as Address;
}

/** Size of a page, the unit in which a WebAssembly memory grows. */
export const PAGE_BYTES = 65536;
