import { nodeModule } from "../runtime/node_module.ts";

/**
 * The end of a job over several hosts for MPICH's launcher, hydra, without MPI_Finalize; null for other jobs.
 *
 * In MPI_Finalize, MPICH over UCX closes the connections of a rank, which the others may have to answer. But
 * a rank that has closed its own waits for hydra there, and answers no more: by TCP, most jobs on three hosts
 * hung (MPICH 4.0.2, UCX 1.13.1). What hydra needs is only the last part of MPI_Finalize: the process says
 * that it waits for all others, and then that it ends. These are two lines of text of the protocol PMI-1, on
 * a file descriptor that hydra gives to each process.
 *
 * @param env the environment variables of the process
 */
export function hydraEnd(env: Readonly<Record<string, string | undefined>>, worldSize: number): (() => void) | null {
  const fs = nodeModule("node:fs");
  // hydra gives the number of ranks on this host; Slurm, whose PMI-2 has another protocol, does not
  const onThisHost = Number(env.MPI_LOCALNRANKS ?? worldSize);
  const descriptor = Number(env.PMI_FD ?? Number.NaN);
  if (!fs || Number.isNaN(descriptor) || onThisHost >= worldSize) return null;
  const ask = (command: string) => {
    fs.writeSync(descriptor, `cmd=${command}\n`);
    fs.readSync(descriptor, new Uint8Array(1024)); // waits for the answer
  };
  return () => {
    ask("barrier_in");
    ask("finalize");
  };
}
