import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DataError, nn } from "wasmgrad";
import { loadCheckpoint, saveCheckpoint } from "wasmgrad/io";
import { Random } from "../fuzz/random.ts";
import { atWrite, checkWhole, type Ended, finalWeights, makeFolder, startRun } from "./process.ts";

/** The results of one part of the campaign. */
export interface Report {
  counts: Record<string, number>;
  failures: string[];
}

export const EPOCHS = 60;
/** After this many kills a run may end, so that each run is resumed a few times. */
const KILLS_A_RUN = 5;

let reference: Promise<Buffer> | undefined;

/** The weights of an undisturbed run. */
function referenceWeights(): Promise<Buffer> {
  reference ??= (async () => {
    const folder = makeFolder();
    const { code, errors } = await startRun(folder, EPOCHS);
    if (code !== 0) throw new Error(`the undisturbed run failed: ${errors}`);
    const [weights] = finalWeights(folder);
    rmSync(folder, { recursive: true });
    return weights;
  })();
  return reference;
}

/** Lets the run in `folder` finish, and compares its weights. */
async function finish(folder: string, what: string, failures: string[]): Promise<void> {
  const { code, errors } = await startRun(folder, EPOCHS);
  const expected = await referenceWeights();
  if (code !== 0) failures.push(`${what}: the resumed run failed: ${errors}`);
  else if (!finalWeights(folder).every((weights) => weights.equals(expected))) failures.push(`${what}: other weights`);
  rmSync(folder, { recursive: true });
}

/** SIGKILL at random moments of training, and in the middle of writing; then resumed to the end. */
export async function kills(count: number, seed: number, log: (line: string) => void): Promise<Report> {
  const report: Report = { counts: { kills: 0, "kills while a checkpoint was written": 0, runs: 0 }, failures: [] };
  await referenceWeights();
  for (let made = 0; made < count; ) {
    const folder = makeFolder();
    const what = `kills, seed ${seed}, from kill ${made}`;
    for (let here = 0; here < KILLS_A_RUN && made < count; here++) {
      const random = new Random(seed, made, "kill");
      const writing = random.chance(0.5);
      let stop = () => {};
      const ended: Ended = await startRun(folder, EPOCHS, (child) => {
        const kill = () => child.kill("SIGKILL");
        if (writing) stop = atWrite(folder, random.integer(0, 30), kill);
        else setTimeout(kill, random.integer(0, 400));
      });
      stop();
      if (ended.signal === "SIGKILL") {
        made++;
        report.counts.kills++;
        if (writing) report.counts["kills while a checkpoint was written"]++;
      } else if (ended.code !== 0) report.failures.push(`${what}: ${ended.errors}`);
      try {
        checkWhole(folder);
      } catch (error) {
        report.failures.push(`${what}: ${error}`);
      }
      if (ended.code === 0) break;
      if (ended.code === 4) made++;
    }
    await finish(folder, what, report.failures);
    report.counts.runs++;
    log(`  ${report.counts.kills} kills`);
    if (report.failures.length > 5) break;
  }
  return report;
}

/** One SIGINT stops after the current step, a second one ends at once; both runs can be resumed. */
export async function interrupts(): Promise<Report> {
  const report: Report = { counts: { "SIGINT once": 0, "SIGINT twice": 0 }, failures: [] };
  for (const times of [1, 2]) {
    const name = times === 1 ? "SIGINT once" : "SIGINT twice";
    // the signal may arrive after the last step: then try again
    for (let attempt = 0; report.counts[name] === 0 && attempt < 20; attempt++) {
      const folder = makeFolder();
      const { code, signal, errors } = await startRun(folder, EPOCHS, (child) => {
        setTimeout(
          () => {
            for (let i = 0; i < times; i++) child.kill("SIGINT");
          },
          30 * (attempt % 6),
        );
      });
      // the second signal may arrive before the first was handled, and then they count as one
      if (code === 3 || (times === 2 && signal === "SIGINT")) report.counts[name]++;
      else if (code !== 0) report.failures.push(`${name}: code ${code}, signal ${signal}, ${errors}`);
      if (code === 0) rmSync(folder, { recursive: true });
      else await finish(folder, name, report.failures);
    }
    if (report.counts[name] === 0) report.failures.push(`${name}: no run was stopped`);
  }
  return report;
}

/** Two processes in one folder: each ends with the right weights or refuses, and all files left are whole. */
export async function twins(count: number): Promise<Report> {
  const report: Report = { counts: { "two processes in one folder": 0 }, failures: [] };
  for (let i = 0; i < count; i++) {
    const folder = makeFolder();
    const ended = await Promise.all([startRun(folder, EPOCHS), startRun(folder, EPOCHS)]);
    for (const { code, errors } of ended) {
      const refused = code === 4 && /^(DataError|OptionError|WasmgradError): /m.test(errors);
      if (code !== 0 && !refused) report.failures.push(`two processes: code ${code}, ${errors}`);
    }
    try {
      checkWhole(folder);
    } catch (error) {
      report.failures.push(`two processes: ${error}`);
    }
    await finish(folder, "two processes", report.failures);
    report.counts["two processes in one folder"]++;
  }
  return report;
}

/** Mounts a small file system, or returns the reason why it cannot. */
function mount(folder: string, options: string): string | null {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "pipe" });
    return null;
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
}

/** A full disk and a read-only folder: a DataError, and the older file stays. */
export async function disks(log: (line: string) => void): Promise<Report> {
  const report: Report = { counts: {}, failures: [] };
  const folder = makeFolder();
  const refused = mount(folder, "size=256k");
  if (refused) {
    log(`  skipped, no small disk could be mounted: ${refused}`);
    return report;
  }
  try {
    const path = join(folder, "model.safetensors");
    const model = new nn.Linear(64, 64);
    saveCheckpoint(path, { model });
    const before = Buffer.from(model.weight.data().buffer);
    const expectDataError = (what: string, run: () => void) => {
      report.counts[what] = (report.counts[what] ?? 0) + 1;
      try {
        run();
        report.failures.push(`${what}: no error`);
      } catch (error) {
        if (!(error instanceof DataError)) report.failures.push(`${what}: ${error}`);
      }
      loadCheckpoint(path, { model });
      if (!Buffer.from(model.weight.data().buffer).equals(before))
        report.failures.push(`${what}: the older file changed`);
    };
    for (let size = 260; size < 320; size += 5) {
      const large = new nn.Linear(size, size);
      expectDataError("full disk", () => saveCheckpoint(path, { model: large }));
    }
    execFileSync("mount", ["-o", "remount,ro", folder]);
    expectDataError("read-only folder", () => saveCheckpoint(path, { model }));
    const { code, errors } = await startRun(folder, 1);
    report.counts["run in a read-only folder"] = 1;
    if (code !== 4 || !errors.startsWith("DataError"))
      report.failures.push(`run in a read-only folder: ${code} ${errors}`);
  } finally {
    execFileSync("umount", [folder]);
  }
  return report;
}
