/** The same weights on one process and on several hosts, which network namespaces imitate. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Hosts, hostsMissing } from "../support/distributed/hosts.ts";
import { type JobEnd, MPIS, mpiMissing, runJob } from "../support/distributed/job.ts";
import { root } from "../support/source.ts";

const PROGRAM = join(root, "examples/distributed/train.ts");
/** Four steps, the last one with fewer images; batch norm and random masks. */
const ARGS = ["--shards", "6", "--batch-size", "300", "--epochs", "1", "--seed", "3"];

const missing = hostsMissing();
if (missing) console.log(`skipped: ${missing}`);

describe.skipIf(missing !== null)("hosts", () => {
  let folder: string;
  let alone: string;

  const weightsOf = (end: JobEnd) => {
    expect(end.errors).not.toMatch(/Error/);
    expect(end.code).toBe(0);
    return /weights ([0-9a-f]{16})/.exec(end.output)?.[1];
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-hosts-"));
    const end = await runJob(null, PROGRAM, [...ARGS, "--out", join(folder, "alone")], { ranks: 1, cwd: root });
    alone = weightsOf(end)!;
    expect(alone).toBeDefined();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe.each(MPIS)("%s", (mpi) => {
    const absent = mpiMissing(mpi);
    if (absent) console.log(`skipped: ${absent}`);

    test.skipIf(absent !== null).each([2, 3])("%d hosts give the weights of one process", async (count) => {
      const hosts = new Hosts(folder, count);
      try {
        const end = await runJob(mpi, PROGRAM, [...ARGS, "--out", join(folder, `${mpi}-${count}`)], {
          ranks: count,
          launcherArgs: mpi === "MPICH" ? hosts.mpich : hosts.openMpi,
          wrap: (command) => hosts.onFirst(command),
          cwd: root,
        });
        expect(end.output).toContain(`${count} ranks`);
        expect(weightsOf(end)).toBe(alone);
      } finally {
        hosts.close();
      }
    });
  });
});
