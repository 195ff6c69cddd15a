import { pool } from "../../runtime/code/plain.ts";
import { launchOf, type PartLaunch } from "../../runtime/kernels.ts";

/** Launches kernels of the base and of this family. */
export const launch: PartLaunch<"pool"> = /* @__PURE__ */ launchOf<"pool">(pool);
