import { recurrent } from "../../runtime/code/plain.ts";
import { kernelsOf, launchOf, type PartKernelsFunction, type PartLaunch } from "../../runtime/kernels.ts";

/** The kernels of the base and of this family. */
export const kernels: PartKernelsFunction<"recurrent"> = /* @__PURE__ */ kernelsOf<"recurrent">(recurrent);
/** Launches kernels of the base and of this family. */
export const launch: PartLaunch<"recurrent"> = /* @__PURE__ */ launchOf<"recurrent">(recurrent);
