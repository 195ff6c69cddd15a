import { random } from "../../runtime/code/plain.ts";
import { kernelsOf, launchOf, type PartKernelsFunction, type PartLaunch } from "../../runtime/kernels.ts";

/** The kernels of the base and of this family. */
export const kernels: PartKernelsFunction<"random"> = /* @__PURE__ */ kernelsOf<"random">(random);
/** Launches kernels of the base and of this family. */
export const launch: PartLaunch<"random"> = /* @__PURE__ */ launchOf<"random">(random);
