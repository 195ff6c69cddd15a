/** An address in the linear memory, in bytes: what AssemblyScript calls `usize`. */
export type Address = number;

/** No address: for optional arguments of kernels. */
export const NULL = 0 as Address;

/** The address `bytes` bytes after another (before it, where negative). */
export function offset(address: Address, bytes: number): Address {
  return (address + bytes) as Address;
}
