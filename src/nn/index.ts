export { ModuleDict, ModuleList, Sequential } from "./container.ts";
export * as functional from "./functional/index.ts";
export { Module } from "./module.ts";
export { Parameter } from "./parameter.ts";
export type { LoadOptions, LoadResult, StateDict } from "./state.ts";
