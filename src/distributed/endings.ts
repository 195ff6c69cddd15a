import { type MpiTransport, pause } from "./mpi_transport.ts";
import type { ProcessGroup } from "./process_group.ts";

/** The exit code of a job that a rank left too early. */
const LEFT_EARLY = 70;

/** The time that a launcher gets to print what a rank has written before it ends the job. */
const PRINTING_MS = 100;

/**
 * Makes the end of this process right for the whole job. An error on one rank ends all of them, and says
 * which rank it was; without that the others would wait for ever. A normal end waits until the others end as
 * well.
 */
export function guardEndings(group: ProcessGroup, transport: MpiTransport): void {
  let isTold = false;
  const tell = (what: unknown) => {
    isTold = true;
    console.error(`[rank ${group.rank} of ${group.worldSize}]`, what);
  };
  const abort = (code: number) => {
    pause(PRINTING_MS);
    transport.abort(code);
  };
  // MPI_Abort ends the process before Node prints an error
  process.on("uncaughtExceptionMonitor", tell);
  process.on("exit", (code) => {
    if (group.isDestroyed) return;
    // after a signal that all ranks know of, they end together, whatever their exit code
    if (code !== 0 && group.stopSignal === null) {
      if (!isTold) tell(`ended with exit code ${code}, and the job with it`);
      abort(code);
    }
    try {
      group.destroy();
    } catch (error) {
      tell(`ended. ${(error as Error).message}`);
      abort(LEFT_EARLY);
    }
  });
}
