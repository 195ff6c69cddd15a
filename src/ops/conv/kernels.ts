import { conv } from "../../runtime/code/plain.ts";
import { kernelsOf, launchOf, type PartKernelsFunction, type PartLaunch } from "../../runtime/kernels.ts";

/** The kernels of the base and of this family. */
export const kernels: PartKernelsFunction<"conv"> = /* @__PURE__ */ kernelsOf<"conv">(conv);
/** Launches kernels of the base and of this family. */
export const launch: PartLaunch<"conv"> = /* @__PURE__ */ launchOf<"conv">(conv);
