/**
 * Installs the packed library in small new projects, builds them with the usual tools and runs them: each
 * must multiply, and train to the same bits as Node, or fail with the error that its case names.
 * usage: tsx test/ecosystem/index.ts [--only NAMES] [--ci] [--write] [--keep] [--tarball FILE]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { pack } from "../../scripts/package_check.ts";
import { hasBrowser } from "../product/browser/browsers.ts";
import { GROUPS } from "./cases/index.ts";
import { browserVersions, closeChromium } from "./pages.ts";
import { Project } from "./project.ts";
import { type Row, runCase } from "./run.ts";
import { record } from "./table.ts";

const options = new Command()
  .option("--only <names>", "cases, separated by commas")
  .option("--ci", "only the quick cases, in Chromium")
  .option("--write", "records the results and writes docs/ecosystem.md")
  .option("--keep", "keeps the projects and prints their folders")
  .option("--tarball <file>", "a packed library (default: packs dist)")
  .parse()
  .opts<{ only?: string; ci?: true; write?: true; keep?: true; tarball?: string }>();

const all = Object.values(GROUPS).flat();
const names = options.only?.split(",");
const unknown = names?.filter((name) => !all.some((one) => one.name === name)) ?? [];
if (unknown.length > 0) throw new Error(`no case ${unknown}; there are ${all.map(({ name }) => name).join(", ")}`);
const cases = all.filter(({ name, isQuick }) => (names ? names.includes(name) : !options.ci || isQuick));

/** Other browsers take seconds to start, so `--ci` leaves them out. */
const browsers = (["chromium", "firefox", "webkit"] as const).filter((name) => {
  if (options.ci) return name === "chromium";
  const found = hasBrowser(name);
  if (!found) console.log(`${name} is not installed: left out`);
  return found;
});

/** The bits of this Node, in a project that installed the library. */
async function referenceBits(tarball: string): Promise<string> {
  const reference = all.find(({ name }) => name === "node-20")!;
  const project = await Project.make(reference, tarball);
  try {
    const { output, errors } = await project.run("node command.js");
    const { bits } = JSON.parse(output || "{}") as { bits?: string[] };
    if (!bits || new Set(bits).size !== 1) throw new Error(`Node: ${output}${errors}`);
    return bits[0];
  } finally {
    project.remove(false);
  }
}

const scratch = mkdtempSync(join(tmpdir(), "wasmgrad-ecosystem-"));
const start = performance.now();
const rows: Row[] = [];
try {
  const tarball = options.tarball ? resolve(options.tarball) : pack(scratch).file;
  const bits = await referenceBits(tarball);
  const run = {
    recorded: new Date().toISOString().slice(0, "2026-11-27".length),
    node: process.versions.node,
    browsers: options.write ? await browserVersions() : [],
  };
  const settings = { tarball, bits, browsers, keep: options.keep ?? false };
  console.log(`Node ${process.versions.node}: ${bits}`);
  for (const one of cases) {
    const begin = performance.now();
    const found = await runCase(one, settings);
    rows.push(...found);
    if (options.write) record({ ...run, rows: found });
    console.log(`${one.name}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    for (const { tool, what, threads, error, surprise } of found) {
      const result =
        surprise !== undefined ? `NOT AS EXPECTED: ${surprise}` : (error ?? `same bits, threads: ${threads}`);
      console.log(`  ${[tool, what].filter(Boolean).join(", ")}: ${result}`);
    }
  }
} finally {
  await closeChromium();
  rmSync(scratch, { recursive: true, force: true });
}
const surprises = rows.filter(({ surprise }) => surprise !== undefined);
console.log(
  `${rows.length} runs, ${surprises.length} not as expected, ${((performance.now() - start) / 1000).toFixed(0)} s`,
);
process.exitCode = surprises.length > 0 ? 1 : 0;
