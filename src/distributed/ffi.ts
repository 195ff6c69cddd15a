import { DistributedError } from "../errors.ts";
import { nodeModule } from "../runtime/node_module.ts";

/** A function of a library: numbers, addresses, and typed arrays that it reads or writes. */
export type NativeFunction = (...args: readonly NativeValue[]) => number;
export type NativeValue = number | bigint | Int32Array | Uint8Array | null;
/** Types of arguments. */
export type NativeType = "int" | "void *";

/** A library that was loaded. */
export interface NativeLibrary {
  readonly name: string;
  /** The address of what the library exports by a name; null if there is nothing of that name. */
  addressOf(symbol: string): bigint | null;
  /** A function that returns an int. */
  func(symbol: string, args: readonly NativeType[]): NativeFunction;
}

interface Koffi {
  config(config: { sync_stack_size: number; async_stack_size: number }): unknown;
  load(name: string, options: { global: boolean; lazy: boolean }): KoffiLibrary;
  address(value: unknown): bigint;
}

interface KoffiLibrary {
  symbol(name: string): unknown;
  func(name: string, result: string, args: readonly string[]): NativeFunction;
}

/** MPICH overflows the 128 KiB of koffi's own stacks. */
const STACK_BYTES = 8 * 1024 * 1024;

let koffi: Koffi | undefined;

function loadKoffi(): Koffi {
  if (koffi) return koffi;
  const require = nodeModule("node:module")?.createRequire(import.meta.url);
  if (!require) throw new DistributedError("initProcessGroup: expected Node, which can call MPI; a page cannot");
  try {
    koffi = require("koffi") as Koffi;
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new DistributedError(
      `initProcessGroup: a launcher started this process as one of several, and calling MPI takes the package koffi: npm install koffi (${reason})`,
      { cause },
    );
  }
  try {
    koffi.config({ sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
  } catch {
    // the program has loaded a library by koffi before; calls that wait run on Node's own stack then
  }
  return koffi;
}

/** Loads the first of the libraries that is there. Null if none is: `reasons` gets the system's words. */
export function loadLibrary(names: readonly string[], reasons: string[]): NativeLibrary | null {
  const { load, address } = loadKoffi();
  for (const name of names) {
    try {
      const library = load(name, { global: true, lazy: true });
      return {
        name,
        addressOf: (symbol) => {
          try {
            return address(library.symbol(symbol));
          } catch {
            return null;
          }
        },
        func: (symbol, args) => library.func(symbol, "int", args),
      };
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  return null;
}

/** The address in this process at which the bytes of a typed array begin. */
export function nativeAddress(bytes: Uint8Array): bigint {
  return loadKoffi().address(bytes);
}
