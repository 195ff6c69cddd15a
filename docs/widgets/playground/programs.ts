/** The programs of the playground: the repository's own files, and what they read. */

export interface Program {
  /** The path in the repository. */
  readonly file: string;
  readonly title: string;
  readonly group: string;
}

const SOURCES = import.meta.glob<string>(
  [
    "../../../examples/[0-9][0-9]_*.ts",
    "../../../examples/tutorial.ts",
    "../../../examples/pytorch/*.ts",
    "../../../examples/autograd/{maml,pinn,wgan_gp}.ts",
  ],
  { query: "?raw", import: "default" },
);

const DATA = import.meta.glob<string>(
  ["../../../examples/data/cifar10-sample/*.{png,json}", "../../../examples/data/texts/*.txt"],
  { query: "?url", import: "default", eager: true },
);

const SAMPLE = "/examples/data/cifar10-sample/";

/**
 * The files that a program can read, and their addresses. The folder "data", where the README's program looks
 * for CIFAR-10, has the sample.
 */
export function dataFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [path, url] of Object.entries(DATA)) {
    const name = path.replace("../../..", "");
    const address = new URL(url, location.href).href;
    files[name] = address;
    if (name.startsWith(SAMPLE)) files[name.replace(SAMPLE, "/data/")] = address;
  }
  return files;
}

function describeFile(file: string): Program {
  const name = file.split("/").at(-1)!.replace(/\.ts$/, "");
  const lesson = /^(\d\d)_(.*)$/.exec(name);
  if (lesson) return { file, group: "Lessons", title: `${Number(lesson[1])} ${lesson[2].replaceAll("_", " ")}` };
  if (name === "tutorial") return { file, group: "README", title: "The README's program" };
  const group = file.includes("/pytorch/") ? "Programs from PyTorch" : "Gradients of gradients";
  return { file, group, title: name };
}

const GROUPS = ["Lessons", "README", "Programs from PyTorch", "Gradients of gradients"];

export const programs: readonly Program[] = Object.keys(SOURCES)
  .map((path) => describeFile(path.replace("../../../", "")))
  .sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || (a.file < b.file ? -1 : 1));

export const loadSource = (file: string): Promise<string> => SOURCES[`../../../${file}`]();
