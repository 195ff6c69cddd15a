import { loss } from "../../runtime/code/plain.ts";
import { kernelsOf, launchOf, type PartKernelsFunction, type PartLaunch } from "../../runtime/kernels.ts";

/** The kernels of the base and of this family. */
export const kernels: PartKernelsFunction<"loss"> = /* @__PURE__ */ kernelsOf<"loss">(loss);
/** Launches kernels of the base and of this family. */
export const launch: PartLaunch<"loss"> = /* @__PURE__ */ launchOf<"loss">(loss);
