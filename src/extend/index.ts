import "../tensor/all_methods.ts";

export { type KernelArgument, type LoadKernelsOptions, loadKernels, type UserKernels } from "./kernels.ts";
export { addressOf, defineOperation, emptyResult, type OperationDefinition } from "./operation.ts";
