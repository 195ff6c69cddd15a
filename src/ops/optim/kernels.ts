import { optim } from "../../runtime/code/plain.ts";
import { kernelsOf, launchOf, type PartKernelsFunction, type PartLaunch } from "../../runtime/kernels.ts";

/** The kernels of the base and of this family. */
export const kernels: PartKernelsFunction<"optim"> = /* @__PURE__ */ kernelsOf<"optim">(optim);
/** Launches kernels of the base and of this family. */
export const launch: PartLaunch<"optim"> = /* @__PURE__ */ launchOf<"optim">(optim);
