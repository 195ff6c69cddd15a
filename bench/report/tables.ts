/** All tables of the docs, made from the files of results alone. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DistributedRow } from "../distributed/rows.ts";
import { type Results, readResults } from "../lib/results.ts";
import { digits, percent } from "../lib/table.ts";
import type { BatchRow } from "../suites/batches.ts";
import { type ConvRow, PASSES } from "../suites/conv.ts";
import type { ModelRow } from "../suites/models.ts";
import type { OpRow } from "../suites/ops.ts";
import type { SizeRow } from "../suites/size.ts";
import type { StartupRow } from "../suites/startup.ts";
import { describePhases, type StepRow } from "../suites/step.ts";
import type { ThreadRow } from "../suites/threads.ts";
import { type ContestRow, waysOf } from "../versus/contest.ts";
import { peers } from "../versus/peers.ts";
import { markdownTable } from "./markdown.ts";
import { rowsOf, targets, verdict } from "./targets.ts";

const range = ({ low, high }: { low: number; high: number }) => `${digits(low)} to ${digits(high)}`;

/** "AMD EPYC, 2 cores, Node 20.20.2, 2026-01-31; rounds 12, ms per turn 60" */
function origin({ machine, settings }: Results<unknown>): string {
  const { cpu, cores, node, date } = machine;
  const how = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return `_${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, Node ${node}, ${date}${how.length ? `; ${how.join(", ")}` : ""}_`;
}

function table<Row>(
  results: Results<Row> | undefined,
  header: readonly string[],
  cells: (row: Row) => readonly string[][],
): string {
  if (!results) return "_not measured yet_";
  return `${markdownTable(header, results.rows.flatMap(cells))}\n\n${origin(results)}`;
}

function versusTable(read: (suite: string) => Results<ContestRow> | undefined, kind: ContestRow["kind"]): string {
  const rows = peers.flatMap(({ name, label }) => {
    const results = read(`versus_${name}`);
    return (results?.rows ?? [])
      .filter((row) => row.kind === kind)
      .map((row) => {
        const { batch, threads, ours, theirs, faster, failed } = row;
        const peer = [`${label} ${results?.settings.version}`, ...waysOf(row)].join(", ");
        const where = [peer, String(batch), String(threads)];
        if (!faster) return [...where, "", "", "", `cannot: ${failed}`];
        return [...where, digits(ours!), digits(theirs!), `**${digits(faster.median)} x**`, range(faster)];
      });
  });
  if (rows.length === 0) return "_not measured yet_";
  const origins = peers.flatMap(({ name }) => {
    const results = read(`versus_${name}`);
    return results ? [origin({ ...results, settings: {} })] : [];
  });
  const header = ["peer", "batch", "threads", "ours, ms", "theirs, ms", "we are faster", "half of the rounds"];
  return `${markdownTable(header, rows)}\n\n${[...new Set(origins)].join("; ")}`;
}

function stepTable(results: Results<StepRow> | undefined): string {
  if (!results) return "_not measured yet_";
  const parts = results.rows.map(({ batch, ms, phases, overhead, kernels }) => {
    const rest = kernels.filter((kernel) => kernel.ms < 0.01 * ms);
    const rows = kernels
      .filter((kernel) => kernel.ms >= 0.01 * ms)
      .map(({ name, calls, ms: own }) => [`\`${name}\``, String(calls), digits(own), percent(own / ms)]);
    const small = rest.reduce((sum, kernel) => sum + kernel.ms, 0);
    const launches = rest.reduce((sum, kernel) => sum + kernel.calls, 0);
    rows.push([`${rest.length} others, each below 1 %`, String(launches), digits(small), percent(small / ms)]);
    const title =
      `Batch ${batch}: ${digits(ms)} ms, ${((1000 * batch) / ms).toFixed(0)} images per second; ` +
      `${overhead.median.toFixed(3)} times the sum of its kernels. ` +
      `Its parts: ${describePhases(phases)}.`;
    return `${title}\n\n${markdownTable(["kernel", "launches", "ms", "of the step"], rows)}`;
  });
  return `${parts.join("\n\n")}\n\n${origin(results)}`;
}

function convTable(results: Results<ConvRow> | undefined): string {
  if (!results) return "_not measured yet_";
  const keys = [...new Set(results.rows.map(({ layer, batch }) => `${layer}|${batch}`))];
  const rows = keys.map((key) => {
    const own = results.rows.filter(({ layer, batch }) => `${layer}|${batch}` === key);
    const rates = PASSES.map((pass) => {
      const row = own.find((candidate) => candidate.pass === pass);
      return row ? `${digits(row.rate)} (${percent(row.share.median)})` : "";
    });
    return [own[0].layer, String(own[0].batch), ...rates];
  });
  return `${markdownTable(["layer", "batch", ...PASSES], rows)}\n\n${origin(results)}`;
}

/** The results on this machine, and those on other machines, which are kept in folders in it. */
function runsOf(folder: string) {
  const others = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory()) : [];
  return [folder, ...others.map(({ name }) => join(folder, name))].map((from) => ({
    machine: (readResults(from, "step") ?? readResults(from, "versus_pytorch"))?.machine,
    pytorch: readResults<ContestRow>(from, "versus_pytorch"),
    targets: targets(rowsOf((suite) => readResults(from, suite))),
  }));
}

/**
 * The line of figures in the README: the first target, and the training step compared with PyTorch's, on each
 * machine.
 */
function headline(folder: string): string {
  const measured = runsOf(folder).flatMap(({ targets: [step], pytorch }) => {
    if (!pytorch || step.measured === undefined) return [];
    const { cpu, date } = pytorch.machine;
    return `**${step.format(step.measured)}** as fast on ${cpu} (PyTorch ${pytorch.settings.version}, ${date})`;
  });
  if (measured.length === 0) return "_not measured yet_";
  return `A training step of this network, batch 4, beside native PyTorch's, one thread each: ${measured.join("; ")}.`;
}

/** The targets and the measured values. */
function targetsTable(folder: string): string {
  const runs = runsOf(folder);
  const columns = runs.filter(({ machine }, i) => i === 0 || machine);
  const header = columns.flatMap(({ machine }) => [machine ? `${machine.cpu}, ${machine.date}` : "measured", ""]);
  const rows = runs[0].targets.map(({ what, target, stretch, atLeast, format }, i) => {
    const goals = [`${atLeast ? "≥" : "≤"} ${format(target)}`, stretch === target ? "" : format(stretch)];
    const reached = columns.flatMap(({ targets }) => {
      const { measured } = targets[i];
      return [measured === undefined ? "" : format(measured), verdict(targets[i])];
    });
    return [what, ...goals, ...reached];
  });
  return markdownTable(["", "target", "stretch", ...header], rows);
}

/** Every table, by the name in its markers. */
export function tablesOf(folder: string): Record<string, string> {
  const read = <Row>(suite: string) => readResults<Row>(folder, suite);
  return {
    headline: headline(folder),
    targets: targetsTable(folder),
    "versus-train": versusTable(read<ContestRow>, "train"),
    "versus-forward": versusTable(read<ContestRow>, "forward"),
    step: stepTable(read<StepRow>("step")),
    conv: convTable(read<ConvRow>("conv")),
    ops: table(read<OpRow>("ops"), ["", "ms", "rate", "of the ceiling"], ({ op, shape, ms, rate, unit, share }) => [
      [`${op} ${shape}`, digits(ms), `${digits(rate)} ${unit}`, percent(share.median)],
    ]),
    models: table(
      read<ModelRow>("models"),
      ["network", "batch", "ms", "longest kernels"],
      ({ model, batch, ms, kernels }) => {
        const longest = kernels.slice(0, 3).map((kernel) => `\`${kernel.name}\` ${percent(kernel.ms / ms)}`);
        return [[model, String(batch), digits(ms), longest.join(", ")]];
      },
    ),
    threads: table(
      read<ThreadRow>("threads"),
      ["batch", "threads", "ms", "ms on one", "faster", "half of the rounds"],
      ({ batch, threads, ours, theirs, faster }) => [
        [String(batch), String(threads), digits(ours!), digits(theirs!), `${digits(faster!.median)} x`, range(faster!)],
      ],
    ),
    batches: table(
      read<BatchRow>("batches"),
      ["batch", "threads", "ms per image", "relative to batch 64"],
      ({ batch, threads, msPerImage, relative }) => [
        [String(batch), String(threads), digits(msPerImage), digits(relative.median)],
      ],
    ),
    "distributed-steps": table(
      read<DistributedRow>("distributed"),
      ["a step", "ms", "faster than 1 rank", "than 1 rank, not cut"],
      (row) =>
        row.kind === "step"
          ? [[row.name, digits(row.ms), `${digits(row.faster)} x`, `${digits(row.fasterThanWhole)} x`]]
          : [],
    ),
    "distributed-sums": table(read<DistributedRow>("distributed"), ["a sum", "ms", "times `MPI_Allreduce`"], (row) =>
      row.kind === "sum" ? [[row.name, digits(row.ms), `${digits(row.longer)} x`]] : [],
    ),
    startup: table(read<StartupRow>("startup"), ["", "ms", "half of the processes"], (row) => [
      [row.name, digits(row.ms), range(row)],
    ]),
    bundles: table(read<SizeRow>("size"), ["bundled for a page", "KB, gzip"], ({ name, gzip = 0 }) =>
      name.includes("`matmul`") ? [[name.replace("bundled for a page: ", ""), (gzip / 1000).toFixed(1)]] : [],
    ),
    size: table(read<SizeRow>("size"), ["", "KB", "gzip"], ({ name, bytes, gzip }) => [
      [name, (bytes / 1000).toFixed(1), gzip === undefined ? "" : (gzip / 1000).toFixed(1)],
    ]),
  };
}
