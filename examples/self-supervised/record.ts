/**
 * Records the results of runs in the repository: results.json, and RESULTS.md with its tables and pictures.
 * usage: npm run report:record -- [folder of runs]
 */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { experiments } from "./experiments.ts";
import { folderOf } from "./main.ts";
import { bySeed, label, type RecordedRun, readRuns, resultTables, spread, textsOf } from "./results.ts";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
export const [recordFile, resultsPage] = [here("results.json"), here("RESULTS.md")];
const PICTURES = "../../docs/self-supervised";

/** Pictures of the runs with seed 0, and their captions. */
const SHOWN: Record<string, Record<string, string>> = {
  data: { augmentations: "each augmentation, on six images" },
  inpainting: { painted: "original, masked, painted" },
  pretrain: {
    patches: "original, seen by the encoder, painted",
    contrastive: "original and two views",
    "pretraining-test_rotationAccuracy": "accuracy of rotation prediction on test images, over the epochs",
  },
  vae: { "samples-010": "samples", reconstructions: "original, decoded" },
  gan: { "samples-001": "samples after 1 epoch", "samples-006": "and after 6" },
};

function table(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...body.map(line)].join("\n");
}

const percent = (values: number[]) =>
  spread(
    values.map((value) => 100 * value),
    (value) => value.toFixed(1),
  );

/**
 * The gain of each set of tasks: its encoder, probed and fine-tuned with few labels, compared with
 * the same network untrained.
 */
function taskTable(runs: readonly RecordedRun[]): string {
  const of = (name: string) => runs.filter(({ experiment }) => experiment === name);
  const rows = bySeed(of("pretrain")).map((group) => {
    const tuned = group.flatMap(({ experiment, config }) => {
      const folder = folderOf(experiments.find(({ name }) => name === experiment)!, config);
      return of("transfer").filter((run) => run.config.encoder === `${folder}/encoder.safetensors`);
    });
    const values = (name: string, from: readonly RecordedRun[] = group) =>
      from.flatMap(({ results }) => (name in results ? [results[name]] : []));
    const gain = (learned: string, random: string) => group.map(({ results }) => results[learned] - results[random]);
    const { tasks, channels } = group[0].config;
    // runs from before there was a choice do not name the channels
    const small = channels !== undefined && channels !== "32,64,128" ? `; channels ${channels}` : "";
    return [
      `${tasks}${small}`.replaceAll(",", ", "),
      group.map(({ config }) => config.seed).join(", "),
      percent(values("knn")),
      percent(values("linearProbe")),
      percent(gain("linearProbe", "randomLinearProbe")),
      tuned.length ? percent(values("fewFineTuned", tuned)) : "",
      tuned.length ? percent(values("fewScratch", tuned)) : "",
      tuned.length ? percent(values("fewGain", tuned)) : "",
    ];
  });
  const head = [
    "tasks",
    "seeds",
    "k-NN",
    "linear probe",
    "over a random encoder's",
    "500 labels, fine-tuned",
    "from scratch",
    "gain",
  ];
  return table([head, ...rows]);
}

/** The page, from recorded runs. */
export function resultsMarkdown(runs: readonly RecordedRun[]): string {
  const sections = experiments.flatMap(({ name, about, defaults }) => {
    const own = runs.filter(({ experiment }) => experiment === name);
    if (own.length === 0) return [];
    const pictures = Object.entries(SHOWN[name] ?? {}).map(
      ([file, title]) => `![${title}](${PICTURES}/${name}-${file}.png)\n\n*${title}*`,
    );
    const heading = `## ${name}\n\n${about[0].toUpperCase() + about.slice(1)}.\n\`npm run experiment -- ${name}\`, with these options and \`--seed N\`:`;
    const texts = own.find(({ texts }) => texts)?.texts?.map((text) => `\`\`\`text\n${text}\n\`\`\``) ?? [];
    return [heading, ...resultTables(bySeed(own), (group) => label(group, defaults)).map(table), ...texts, ...pictures];
  });
  const intro = `# Results on CIFAR-10

Written by \`npm run report:record\` from [\`results.json\`](results.json), which holds the configuration and the results of every run: do not
edit. ${runs.length} runs, on two cores; numbers are means over seeds, with their standard deviation. Each command reproduces its numbers.

## The gain of each task

Accuracies in percent; a gain is over the same network with random weights.

${taskTable(runs)}`;
  return `${[intro, ...sections].join("\n\n")}\n`;
}

if (process.argv[1]?.endsWith("record.ts")) {
  const runs = readRuns(process.argv[2] ?? "runs");
  mkdirSync(here(PICTURES), { recursive: true });
  const ofSeed0 = runs.filter(({ config }) => config.seed === 0);
  for (const [experiment, files] of Object.entries(SHOWN)) {
    for (const file of Object.keys(files)) {
      // of several runs with that picture, the one with the fewest options: one task rather than all
      const having = ofSeed0.filter(
        (run) => run.experiment === experiment && existsSync(join(run.folder, `${file}.png`)),
      );
      const [chosen] = having.sort((a, b) => a.folder.length - b.folder.length);
      if (chosen) copyFileSync(join(chosen.folder, `${file}.png`), here(`${PICTURES}/${experiment}-${file}.png`));
    }
  }
  const record = runs.map(({ experiment, config, results, folder }): RecordedRun => {
    const texts = config.seed === 0 ? textsOf(folder) : [];
    return { experiment, config, results, ...(texts.length > 0 && { texts }) };
  });
  writeFileSync(recordFile, `${JSON.stringify(record, null, 1)}\n`);
  writeFileSync(resultsPage, resultsMarkdown(record));
  console.log(resultsPage);
}
