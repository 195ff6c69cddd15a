import { keep, memory, zeros } from "wasmgrad";

const MEBI = 2 ** 20;

/** Takes memory until all that is made later lies above 2^31. The tensors stay for the rest of the process. */
export function takeLowMemory(): void {
  while (memory().liveBytes < 2 ** 31) keep(zeros([16 * MEBI]));
}
