import type { PartKernels } from "../../src/runtime/kernels.generated.ts";
import type { PartLaunch } from "../../src/runtime/kernels.ts";

type Kernels = typeof import("../../src/runtime/kernels.ts");
/** `launch` for the kernels of all parts. */
export type AnyLaunch = PartLaunch<keyof PartKernels>;

/** The module runtime/kernels.ts with another `launch`, for `vi.mock`. */
export function replaceLaunch(
  real: Kernels,
  replacement: (launch: AnyLaunch, kernels: Kernels["kernels"]) => AnyLaunch,
) {
  const launch = replacement(real.launch as AnyLaunch, real.kernels);
  return {
    ...real,
    launch,
    launchOf(code: string) {
      real.launchOf(code);
      return launch;
    },
  };
}
