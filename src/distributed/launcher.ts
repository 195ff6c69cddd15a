/** The kinds of MPI, which differ in the values of their constants. */
export type MpiKind = "Open MPI" | "MPICH";

/** What the environment says about the launcher of this process. */
export interface Launcher {
  /** The launcher, for messages. */
  name: string;
  /** Number of processes that it started; 0 if it does not say. */
  processes: number;
  /** The kind of MPI that most probably belongs to it. */
  kind: MpiKind;
}

/**
 * The launcher that started this process as one of several; null for a process started alone.
 *
 * @param env the environment variables of the process
 */
export function findLauncher(env: Readonly<Record<string, string | undefined>>): Launcher | null {
  const processes = (name: string) => Number(env[name] ?? 0) || 0;
  if (env.OMPI_COMM_WORLD_SIZE) {
    return { name: "Open MPI's mpirun", processes: processes("OMPI_COMM_WORLD_SIZE"), kind: "Open MPI" };
  }
  if (env.PMI_SIZE) {
    const name = env.SLURM_STEP_ID ? "srun --mpi=pmi2" : "mpiexec";
    return { name, processes: processes("PMI_SIZE"), kind: "MPICH" };
  }
  if (env.PMIX_RANK) return { name: "srun --mpi=pmix", processes: processes("SLURM_NTASKS"), kind: "Open MPI" };
  return null;
}

/**
 * The number of processes that srun started without telling them of each other: each would take itself for
 * the only one, and all would write the same files. 0 if that is not so.
 */
export function countSeparateTasks(env: Readonly<Record<string, string | undefined>>): number {
  const tasks = Number(env.SLURM_STEP_NUM_TASKS ?? 0);
  return tasks > 1 && env.SLURM_PROCID !== undefined && !findLauncher(env) ? tasks : 0;
}
