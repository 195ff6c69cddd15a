import { Command, InvalidArgumentError, Option } from "commander";

/** The settings that determine the result: equal settings give the same weights, bit for bit. */
export interface Settings {
  /** "sample", "cifar10", or a folder. */
  data: string;
  preset: "tutorial" | "corrected";
  epochs: number;
  batchSize: number;
  lr: number;
  /** The share of hidden elements. */
  mask: number;
  seed: number;
  /** Number of shards into which a batch is cut; 0 for none. */
  shards: number;
}

export interface Options {
  settings: Settings;
  /** Names of the settings given on the command line. */
  given: Set<keyof Settings>;
  /** Null: one per core. */
  threads: number | null;
  /** Folder for the results; null: a new one in runs/. */
  out: string | null;
  /** Folder of the run to resume; "latest" for the newest one in runs/; null for a new run. */
  resume: string | null;
}

export const DEFAULT_EPOCHS = { sample: 15, whole: 5 };

function number(isValid: (value: number) => boolean, expected: string) {
  return (text: string): number => {
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value) || !isValid(value)) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

const integer = (least: number, most: number) =>
  number((value) => Number.isInteger(value) && value >= least && value <= most, `an integer from ${least} to ${most}`);

/**
 * Reads the command line.
 *
 * @throws CommanderError with the exit code, after it has printed the help or one line about an error.
 */
export function readOptions(argv: readonly string[]): Options {
  const command = new Command("npm start --")
    .description(
      "Trains an autoencoder to repaint the hidden half of CIFAR-10 images. It leaves pictures, a log and the weights in a folder.",
    )
    .option(
      "--data <name>",
      "sample (1,000 images, no network), cifar10 (50,000, downloaded to ./data), or a folder",
      "sample",
    )
    .addOption(
      new Option(
        "--preset <name>",
        "tutorial: images in [-1,1], though the sigmoid output cannot paint below 0; corrected: images in [0,1]",
      )
        .choices(["tutorial", "corrected"])
        .default("corrected"),
    )
    .option(
      "--epochs <n>",
      `times through the images (default: ${DEFAULT_EPOCHS.sample} for the sample, else ${DEFAULT_EPOCHS.whole})`,
      integer(1, 1_000_000),
    )
    .option("--batch-size <n>", "images a step", integer(1, 10_000), 4)
    .option(
      "--lr <x>",
      "Adam's step size",
      number((value) => value > 0, "a number > 0"),
      1e-3,
    )
    .option(
      "--mask <x>",
      "part of all elements to hide",
      number((value) => value > 0 && value < 1, "a number between 0 and 1"),
      0.5,
    )
    .option(
      "--shards <n>",
      "cut each batch into so many parts, for mpirun or srun: the weights do not depend on the number of processes",
      integer(1, 65_536),
      0,
    )
    .option("--seed <n>", "the same seed gives the same weights", integer(0, 2 ** 32 - 1), 0)
    .option(
      "--threads <n>",
      "threads to compute on; the result does not depend on it (default: one a core)",
      integer(1, 64),
    )
    .option("--out <dir>", "folder for the results (default: a new one in runs/)")
    .option(
      "--resume [dir]",
      "continue the run in this folder, exactly where it stopped (default: the newest in runs/)",
    )
    .exitOverride()
    // print errors and their suggestions in one line
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll("\n", " ")}\n`) });
  command.parse(argv as string[], { from: "user" });

  const { out, resume, threads, ...values } = command.opts();
  for (const [name, folder] of Object.entries({ data: values.data, out, resume })) {
    if (folder === "") command.error(`error: option '--${name}' argument is empty`);
  }
  if (out !== undefined && resume !== undefined)
    command.error("error: --resume continues in its own folder: leave out --out");
  const names = ["data", "preset", "epochs", "batchSize", "lr", "mask", "seed", "shards"] as const;
  values.epochs ??= values.data === "sample" ? DEFAULT_EPOCHS.sample : DEFAULT_EPOCHS.whole;
  return {
    settings: Object.fromEntries(names.map((name) => [name, values[name]])) as unknown as Settings,
    given: new Set(names.filter((name) => command.getOptionValueSource(name) === "cli")),
    threads: threads ?? null,
    out: out ?? null,
    resume: resume === undefined ? null : resume === true ? "latest" : resume,
  };
}
