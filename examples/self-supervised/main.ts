/** Runs an experiment by name. usage: npm run experiment -- NAME [options], npm run experiment -- --help */
import { join } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { setNumThreads, WasmgradError } from "wasmgrad";
import { type Config, Interrupted, Run } from "wasmgrad/train";
import type { Experiment } from "./experiment.ts";
import { experiments } from "./experiments.ts";
import { kebab } from "./results.ts";

/** An option of its default's type: a number, a boolean or a string. */
function optionFor(name: string, value: Config[string]): Option {
  const option = new Option(`--${kebab(name)} <value>`).default(value);
  if (typeof value === "string") return option;
  return option.argParser((text) => {
    if (typeof value === "boolean") {
      if (!["true", "false"].includes(text)) throw new InvalidArgumentError("Expected true or false.");
      return text === "true";
    }
    const number = Number(text);
    if (text.trim() === "" || !Number.isFinite(number)) throw new InvalidArgumentError("Expected a number.");
    return number;
  });
}

/**
 * runs/NAME, followed by the options that differ from their defaults: the same command finds the same folder.
 */
export function folderOf({ name, defaults }: Experiment, config: Config): string {
  const changed = Object.entries(config).filter(([key, value]) => value !== defaults[key]);
  const parts = changed.map(([key, value]) => `${key}=${String(value).replace(/[^\w.,-]+/g, "_")}`);
  return join("runs", [name, ...parts].join(" ").replaceAll(" ", "+").slice(0, 200));
}

/** Runs an experiment into a folder, and records its results. */
export async function runExperiment(one: Experiment, config: Config, folder: string): Promise<Record<string, number>> {
  const run = new Run(folder, one.name, config);
  const results = await one.run(config, run);
  run.results(results);
  return results;
}

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("npm run experiment --").exitOverride();
  program.description("Self-supervised learning on CIFAR-10. The same command continues a run that was stopped.");
  for (const one of experiments) {
    const command = program.command(one.name).description(one.about);
    for (const [name, value] of Object.entries(one.defaults)) command.addOption(optionFor(name, value));
    command
      .option("--quick", "a run of a few seconds on a sample, to check that it works")
      .option("--threads <n>", "threads to compute on; results do not depend on it", Number)
      .option("--out <dir>", "folder for the results (default: runs/ and the options)")
      .action(async ({ quick, threads, out, ...options }) => {
        if (threads !== undefined) setNumThreads(threads);
        const typed = Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === "cli");
        const config = { ...one.defaults, ...(quick ? one.quick : {}), ...Object.fromEntries(typed) } as Config;
        const folder = out ?? folderOf(one, config);
        console.log(`${one.name} into ${folder}`);
        const results = await runExperiment(one, config, folder);
        for (const [name, value] of Object.entries(results)) console.log(`${name}: ${Number(value.toPrecision(6))}`);
      });
  }
  await program.parseAsync(argv as string[], { from: "user" });
}

if (process.argv[1]?.endsWith("main.ts")) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? error.exitCode : error instanceof Interrupted ? 130 : 1;
    if (!(error instanceof CommanderError))
      console.error(error instanceof WasmgradError ? `error: ${error.message}` : error);
  }
}
