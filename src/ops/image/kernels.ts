import { image } from "../../runtime/code/plain.ts";
import { kernelsOf, launchOf, type PartKernelsFunction, type PartLaunch } from "../../runtime/kernels.ts";

/** The kernels of the base and of this family. */
export const kernels: PartKernelsFunction<"image"> = /* @__PURE__ */ kernelsOf<"image">(image);
/** Launches kernels of the base and of this family. */
export const launch: PartLaunch<"image"> = /* @__PURE__ */ launchOf<"image">(image);
