import type { Kernels, PartKernels } from "./kernels.generated.ts";

/** `WebAssembly.Module` if the program's type libraries declare it (those of browsers and of Node do). */
export type KernelsModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module
  : object;

/** Kernels by name: those of the base, and those of a part. */
type Available<Part extends keyof PartKernels = never> =
  | Exclude<keyof Kernels, PartKernels[keyof PartKernels]>
  | PartKernels[Part];

/** The names of the kernels of the base. */
export type BaseKernel = Available;

/** The kernels whose first two parameters are an output range `[begin, end)`, with their other parameters. */
export type RangeKernels = {
  [Name in keyof Kernels]: Kernels[Name] extends (
    begin: number,
    end: number,
    ...rest: infer Rest extends readonly number[]
  ) => void
    ? Rest
    : never;
};

/** The type of `launch` for the kernels of the base and of a part. */
export type PartLaunch<Part extends keyof PartKernels> = <Name extends Available<Part>>(
  name: Name,
  total: number,
  grain: number,
  ...args: RangeKernels[Name]
) => void;

/** The type of `kernels` for those of the base and of a part. */
export type PartKernelsFunction<Part extends keyof PartKernels> = () => Pick<Kernels, Available<Part>>;
