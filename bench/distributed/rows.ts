/** Results of `npm run bench:distributed`: medians over all rounds. */
export type DistributedRow = StepRow | SumRow;

export interface StepRow {
  kind: "step";
  name: string;
  ms: number;
  /** Ratio of one rank's time to this one. */
  faster: number;
  /** The same, but of one rank that does not cut its batch into shards. */
  fasterThanWhole: number;
}

export interface SumRow {
  kind: "sum";
  name: string;
  ms: number;
  /** Ratio of this time to that of MPI_Allreduce. */
  longer: number;
}
