import { describe, expect, test } from "vitest";
import { Account, decodeReport, encodeReport, ranksText } from "../../../src/distributed/account.ts";
import { checkSameKernels } from "../../../src/distributed/init.ts";
import { countSeparateTasks, findLauncher } from "../../../src/distributed/launcher.ts";
import { checkWorldSize } from "../../../src/distributed/mpi.ts";
import { DistributedError } from "../../../src/errors.ts";

describe("the launcher", () => {
  test("is known by the variables that it sets", () => {
    expect(findLauncher({})).toBeNull();
    expect(findLauncher({ OMPI_COMM_WORLD_SIZE: "4", PMIX_RANK: "1" })).toEqual({
      name: "Open MPI's mpirun",
      processes: 4,
      kind: "Open MPI",
    });
    expect(findLauncher({ PMI_SIZE: "3" })).toEqual({ name: "mpiexec", processes: 3, kind: "MPICH" });
    expect(findLauncher({ PMI_SIZE: "3", SLURM_STEP_ID: "0" })?.name).toBe("srun --mpi=pmi2");
    expect(findLauncher({ PMIX_RANK: "0", SLURM_NTASKS: "8" })).toMatchObject({ processes: 8, kind: "Open MPI" });
  });

  test("tasks of srun that know nothing of each other are noticed", () => {
    const task = { SLURM_PROCID: "1", SLURM_STEP_NUM_TASKS: "4" };
    expect(countSeparateTasks(task)).toBe(4);
    expect(countSeparateTasks({ ...task, PMI_SIZE: "4" })).toBe(0);
    expect(countSeparateTasks({ ...task, SLURM_STEP_NUM_TASKS: "1" })).toBe(0);
    expect(countSeparateTasks({ SLURM_PROCID: "0", SLURM_NTASKS: "4" })).toBe(0); // the script of a job
  });

  test("a library of another MPI is noticed: each process sees only itself", () => {
    const launcher = { name: "mpiexec", processes: 4, kind: "MPICH" } as const;
    expect(() => checkWorldSize(launcher, 1, "Open MPI v4.1.4")).toThrow(DistributedError);
    expect(() => checkWorldSize(launcher, 1, "Open MPI v4.1.4")).toThrow(
      "mpiexec started 4 processes, but Open MPI v4.1.4 sees 1: the launcher and the library are of different MPIs",
    );
    checkWorldSize(launcher, 4, "MPICH 4.0.2");
    checkWorldSize({ ...launcher, processes: 0 }, 2, "MPICH 4.0.2"); // the launcher did not say
  });

  test("ranks with other kernels are noticed", () => {
    const one = { kernels: "reproducible, reproducible 1234", host: "a" };
    checkSameKernels([one, { ...one, host: "b" }]);
    expect(() => checkSameKernels([one, one, { kernels: "fast, reproducible 1234", host: "b" }])).toThrow(
      "expected the same version and precision on all ranks, got reproducible, reproducible 1234 on rank 0 (a) and fast, reproducible 1234 on rank 2 (b)",
    );
  });
});

describe("the account of rank 0", () => {
  const waits = (rank: number, collective: number) =>
    ({ rank, state: "waits", collective, name: `step ${collective}` }) as const;
  const ended = (rank: number) => ({ rank, state: "ended", collective: 3, name: "the end" }) as const;

  test("a report is the same after it was sent, also with a long name", () => {
    expect(decodeReport(encodeReport(waits(7, 12)))).toEqual(waits(7, 12));
    expect(decodeReport(encodeReport({ ...waits(7, 12), name: "é".repeat(500) })).name).toBe("é".repeat(80));
  });

  test("a rank that ended while another waits is a reason to give up", () => {
    const account = new Account(3);
    account.add(waits(0, 5));
    expect(account.deadlock(5)).toBeNull();
    account.add(ended(2));
    expect(account.deadlock(5)).toBe("rank 2 ended, but rank 0 waits for all ranks at step 5");
    account.add(ended(1));
    expect(account.deadlock(5)).toBe("ranks 2 and 1 ended, but rank 0 waits for all ranks at step 5");
  });

  test("a report of an earlier collective, which is complete, counts no more", () => {
    const account = new Account(2);
    account.add(waits(1, 4));
    account.add(ended(0));
    expect(account.deadlock(5)).toBeNull();
    expect(account.missing(5)).toEqual([0, 1]);
  });

  test("the ranks that did not come are named", () => {
    const account = new Account(4);
    account.add(waits(0, 9));
    account.add(waits(2, 9));
    expect(account.missing(9)).toEqual([1, 3]);
    expect(ranksText([3])).toBe("rank 3");
    expect(ranksText([1, 2, 5])).toBe("ranks 1, 2 and 5");
    expect(ranksText(Array.from({ length: 20 }, (_, i) => i))).toBe("ranks 0, 1, 2, 3, 4, 5, 6 and 13 others");
  });
});
