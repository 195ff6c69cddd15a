/** Where something lies in the linear memory, in bytes: what AssemblyScript calls `usize`. */
export type Address = number;

/** No address: an argument that a kernel may do without. */
export const NULL = 0 as Address;

/** The address `bytes` bytes further on. */
export function offset(address: Address, bytes: number): Address {
  return (address + bytes) as Address;
}
