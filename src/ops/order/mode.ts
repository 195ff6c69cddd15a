import { launch } from "../../runtime/kernels.ts";
import { OneOfSorted, type SortedAddresses } from "./sort.ts";

/** The most frequent element along a dimension, of several the smallest one, at its last position. */
export class Mode extends OneOfSorted {
  readonly name = "mode";

  protected choose(total: number, addresses: SortedAddresses, ...sizes: [number, number, number]): void {
    launch("modeOfSorted", total, 4096, ...addresses, ...sizes);
  }
}
