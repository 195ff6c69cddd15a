import { checkNumber, readOptions } from "../checks.ts";
import { DistributedError } from "../errors.ts";
import { IDENTITY } from "../runtime/code/about.generated.ts";
import { getPrecision } from "../runtime/kernels.ts";
import { nodeModule } from "../runtime/node_module.ts";
import { shareCores } from "../runtime/parallel/pool.ts";
import { guardEndings } from "./endings.ts";
import { countSeparateTasks, findLauncher } from "./launcher.ts";
import { openMpi } from "./mpi.ts";
import { MpiTransport } from "./mpi_transport.ts";
import { ProcessGroup } from "./process_group.ts";

export interface ProcessGroupOptions {
  /**
   * Seconds after which a rank that waits for others ends the job: one of them hangs. It must be longer than
   * what a rank may do alone, such as writing a checkpoint. Default 600.
   */
  timeoutSeconds?: number;
}

/** What the ranks exchange when they start. */
interface Introduction {
  /** The build of the kernels, and the precision. */
  kernels: string;
  host: string;
  /** The cores on which the process may run. */
  cores: string;
}

let group: ProcessGroup | null = null;

/**
 * Joins the processes that a launcher started: `mpirun -n 4 node train.js`, `srun --mpi=pmix -n 64 node
 * train.js`. Calls Open MPI or MPICH by the package `koffi` (`npm install koffi`). Without a launcher it
 * returns a group of this process alone, and looks for neither. A second call returns the same group.
 *
 * The cores of a machine are divided among its ranks, unless `setNumThreads` was called before.
 *
 * @throws DistributedError when koffi or MPI is missing, the library is not the launcher's, or the ranks have
 * different versions of this library; OptionError.
 * @example
 * ```ts
 * import { initProcessGroup } from "wasmgrad/distributed";
 * const group = initProcessGroup({ timeoutSeconds: 60 });
 * if (group.rank === 0) console.log(`${group.worldSize} ranks`); // 1 ranks
 * ```
 */
export function initProcessGroup(options?: ProcessGroupOptions): ProcessGroup {
  const { timeoutSeconds } = readOptions("initProcessGroup", options, { timeoutSeconds: 600 });
  checkNumber("initProcessGroup", "timeoutSeconds", timeoutSeconds, 0.1, 1e6);
  if (group && !group.isDestroyed) return group;
  const os = nodeModule("node:os");
  const env = os ? process.env : {};
  const host = os?.hostname() ?? "";
  const separate = countSeparateTasks(env);
  if (separate > 0) {
    throw new DistributedError(
      `initProcessGroup: srun started ${separate} tasks that know nothing of each other; write srun --mpi=pmix for Open MPI, or --mpi=pmi2 for MPICH`,
    );
  }
  const launcher = findLauncher(env);
  if (!launcher) {
    group = new ProcessGroup(null, { localRank: 0, host });
    return group;
  }
  if (group) throw new DistributedError("initProcessGroup: MPI cannot start again in a process after destroy()");
  const mpi = openMpi(launcher, env.WASMGRAD_MPI);
  const transport = new MpiTransport(mpi, mpi.init(launcher), timeoutSeconds);
  const own: Introduction = { kernels: `${getPrecision()}, ${IDENTITY}`, host, cores: readCores() };
  const all = introduce(transport, own);
  checkSameKernels(all);
  const { rank } = transport;
  const sharing = all.filter((other) => other.host === host && other.cores === own.cores).length;
  const localRank = all.slice(0, rank).filter((other) => other.host === host).length;
  shareCores(sharing);
  group = new ProcessGroup(transport, { localRank, host });
  guardEndings(group, transport);
  return group;
}

function introduce(transport: MpiTransport, own: Introduction): Introduction[] {
  transport.meet({ name: "initProcessGroup", size: 0 }, []);
  const texts = transport.gatherBytes(new TextEncoder().encode(JSON.stringify(own)));
  return texts.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Introduction);
}

/** The bits are the same only if all ranks compute with the same kernels. */
export function checkSameKernels(all: readonly Pick<Introduction, "kernels" | "host">[]): void {
  const [first] = all;
  const rank = all.findIndex(({ kernels }) => kernels !== first.kernels);
  if (rank < 0) return;
  throw new DistributedError(
    `initProcessGroup: expected the same version and precision on all ranks, got ${first.kernels} on rank 0 (${first.host}) and ${all[rank].kernels} on rank ${rank} (${all[rank].host})`,
  );
}

/** The list of cores on which Linux lets the process run. Empty elsewhere. */
function readCores(): string {
  try {
    const status = nodeModule("node:fs")?.readFileSync("/proc/self/status", "utf8") ?? "";
    return /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? "";
  } catch {
    return "";
  }
}

/** Leaves the group that `initProcessGroup` made: see `ProcessGroup.destroy`. */
export function destroyProcessGroup(): void {
  group?.destroy();
}
