declare const kind: unique symbol;

/**
 * An address in the linear memory, in bytes. It is a number at run time, but a distinct type in TypeScript.
 * Kernels take it for each parameter that is `usize` in AssemblyScript, so a call that passes a size instead,
 * or exchanges a size and an address, does not compile.
 */
export type Address = number & { readonly [kind]: "address" };

/** No address: for optional arguments of kernels. */
export const NULL = 0 as Address;

/** The address `bytes` bytes after another address, or before it if `bytes` is negative. */
export function offset(address: Address, bytes: number): Address {
  return (address + bytes) as Address;
}

/** Size of a page, the unit in which a WebAssembly memory grows. */
export const PAGE_BYTES = 65536;
