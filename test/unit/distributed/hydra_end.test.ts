import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hydraEnd } from "../../../src/distributed/hydra_end.ts";

test("tells hydra that a rank waits for the others, and then that it ends", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmgrad-hydra-"));
  const path = join(folder, "socket"); // a file takes what hydra's socket would
  const descriptor = openSync(path, "w+");
  try {
    const env = { PMI_FD: String(descriptor), MPI_LOCALNRANKS: "2" };
    hydraEnd(env, 3)!();
    expect(readFileSync(path, "utf8")).toBe("cmd=barrier_in\ncmd=finalize\n");
  } finally {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ["all ranks are on this host", { PMI_FD: "5", MPI_LOCALNRANKS: "3" }],
  ["another launcher, such as srun --mpi=pmi2", { PMI_FD: "5" }],
  ["no launcher's socket", { MPI_LOCALNRANKS: "1" }],
])("leaves the end to MPI: %s", (_, env) => {
  expect(hydraEnd(env, 3)).toBeNull();
});
