/** Looks PyTorch's names up in the library, and writes docs/compatibility.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as wasmgrad from "wasmgrad";
import * as data from "wasmgrad/data";
import * as io from "wasmgrad/io";
import { DIFFERENCES, INSTEAD, REFUSED } from "./differences.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

interface Group {
  title: string;
  /** The prefix of each name: "torch.nn.". */
  prefix: string;
  /** The keys of PLACES under which a name is looked up. */
  places: string[];
  names: string[];
}

/**
 * Names of PyTorch's documentation, collected once from it and from PyTorch's public modules. Sparse,
 * quantized and complex tensors, devices, distribution and compilation are left out.
 */
export const NAMES: { pytorch: string; groups: Group[] } = JSON.parse(
  readFileSync(join(root, "scripts/compatibility/names.json"), "utf8"),
);

/** The names that everyday programs use, by kind. */
const EVERYDAY: Record<string, { prefixes: string[]; names: string[] }> = JSON.parse(
  readFileSync(join(root, "scripts/compatibility/everyday.json"), "utf8"),
);

const { nn, optim } = wasmgrad;

const PLACES: Readonly<Record<string, object>> = {
  wasmgrad,
  Tensor: wasmgrad.Tensor.prototype,
  nn,
  Module: nn.Module.prototype,
  functional: nn.functional,
  init: nn.init,
  utils: nn.utils,
  optim,
  Optimizer: optim.Optimizer.prototype,
  data,
  io,
};

/** Members that every object has do not count. */
const has = (place: object, name: string) => name in place && !(name in Object.prototype);

/** Whether a member exists: "Tensor.matmul", or "type wasmgrad/data Dataset", which is a type only. */
export function exists(member: string): boolean {
  const [type, entry, typeName] = member.split(" ");
  if (type === "type") {
    const source = readFileSync(join(root, "src", entry.replace("wasmgrad/", ""), "index.ts"), "utf8");
    return new RegExp(`\\b${typeName}\\b`).test(source);
  }
  const [place, name] = member.split(".");
  return place in PLACES && has(PLACES[place], name);
}

/** `conv_transpose2d` becomes convTranspose2d, `kaiming_uniform_` becomes kaimingUniform_. */
function camelCase(name: string): string {
  return name.replace(/(?<=[^_])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export interface Row {
  name: string;
  /** PyTorch's full name. */
  full: string;
  status: "same" | "differs" | "missing";
  /** The library's member with that function, if there is one. */
  here?: string;
}

export function lookUp(group: Group): Row[] {
  return group.names.map((name) => {
    const full = group.prefix + name;
    const difference = DIFFERENCES[full];
    const renamed = difference?.as;
    const member = renamed ?? group.places.map((place) => `${place}.${camelCase(name)}`).find(exists);
    if (member === undefined || REFUSED.has(full)) return { name, full, status: "missing" };
    return { name, full, status: difference ? "differs" : "same", here: member };
  });
}

const percent = (part: number, of: number) => `${Math.round((100 * part) / of)} %`;

/** Names in code font, wrapped. */
function list(names: readonly string[]): string {
  const lines = [""];
  for (const name of names) {
    const word = `\`${name}\``;
    const line = `${lines.at(-1)} ${word}`.trim();
    if (line.length > 110) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines.join("\n");
}

/** The member as it is written in code: `x.matmul`, `nn.Conv2d`. */
function written(member: string): string {
  if (member.startsWith("type ")) return member.split(" ")[2];
  const [place, name] = member.split(".");
  if (place === "Tensor") return `x.${name}`;
  if (place === "functional" || place === "init" || place === "utils") return `nn.${place}.${name}`;
  if (place === "Module") return `module.${name}`;
  if (place === "Optimizer") return `optimizer.${name}`;
  return place === "wasmgrad" || place === "data" || place === "io" ? name : `${place}.${name}`;
}

function section(group: Group): string {
  const rows = lookUp(group);
  const of = (status: Row["status"]) => rows.filter((row) => row.status === status);
  const differing = of("differs").map(
    ({ name, here, full }) => `| \`${name}\` | \`${written(here!)}\` | ${DIFFERENCES[full].how} |`,
  );
  const missing = of("missing");
  const instead = missing.filter(({ full }) => full in INSTEAD);
  const parts = [
    `## ${group.title}`,
    `\`${group.prefix}\`: ${rows.length - missing.length} of ${rows.length}.`,
    of("same").length > 0 && `**Same**\n\n${list(of("same").map(({ name }) => name))}`,
    differing.length > 0 && ["| differs | here | how |", "|---|---|---|", ...differing].join("\n"),
    missing.length > 0 && `**Missing**\n\n${list(missing.map(({ name }) => name))}`,
    instead.length > 0 &&
      [
        "| in place of | write |",
        "|---|---|",
        ...instead.map(({ name, full }) => `| \`${name}\` | ${INSTEAD[full].write} |`),
      ].join("\n"),
  ];
  return parts.filter((part) => part !== false).join("\n\n");
}

function summary(): string {
  const counts = NAMES.groups.map((group) => {
    const rows = lookUp(group);
    const count = (status: Row["status"]) => rows.filter((row) => row.status === status).length;
    return [count("same"), count("differs"), count("missing")];
  });
  const line = (title: string, [same, differs, missing]: number[]) => {
    const all = same + differs + missing;
    return `| ${title} | ${same} | ${differs} | ${missing} | ${percent(same + differs, all)} |`;
  };
  const sums = [0, 1, 2].map((i) => counts.reduce((sum, count) => sum + count[i], 0));
  return [
    "| group | same | differs | missing | available |",
    "|---|---:|---:|---:|---:|",
    ...NAMES.groups.map(({ title }, i) => line(title, counts[i])),
    line("**all**", sums),
  ].join("\n");
}

/** How many of the everyday names there are, and which ones are missing. */
function everyday(): string {
  const available = new Set(
    NAMES.groups.flatMap(lookUp).flatMap(({ full, status }) => (status === "missing" ? [] : full)),
  );
  const lines = Object.entries(EVERYDAY).map(([kind, { prefixes, names }]) => {
    const missing = names.filter((name) => !prefixes.some((prefix) => available.has(prefix + name)));
    const shown = missing.map((name) => `\`${name}\``).join(" ") || "none";
    return `| ${kind} | ${names.length - missing.length} of ${names.length} | ${shown} |`;
  });
  return [
    "Of the names that 55 everyday programs and their kind use:",
    "",
    "| kind | available | missing |",
    "|---|---:|---|",
    ...lines,
  ].join("\n");
}

const INTRODUCTION = `# Compatibility with PyTorch

Every name of PyTorch ${NAMES.pytorch}'s documentation in the groups below: whether it is here, and how it differs. \`npm run compatibility\`
writes this page from the library's exports; a test fails when it is out of date. Sparse, quantized and complex tensors,
devices, distributed training and compilation are left out: the library has none of them. Aliases (\`acos\`, \`arccos\`) count separately.

**Same** means the same under these rules:

- Names are in camelCase: \`conv_transpose2d\` is \`convTranspose2d\`, also inside strings (\`"leakyRelu"\`).
- What PyTorch's programs pass by position stays in position; other arguments go into one options object, with PyTorch's defaults.
- Functions of a tensor are methods: \`torch.exp(x)\` is \`x.exp()\`. Shapes and lists of dimensions are arrays: \`x.view([2, -1])\`.
- dtypes are float32, int32 and bool. Integers are int32 where PyTorch has int64. Functions take no \`out\`, \`device\`, \`layout\` or
  \`memory_format\`, and \`dtype\` only where they create a tensor.
- Tensors are contiguous. \`reshape\`, \`view\`, \`squeeze\`, \`unsqueeze\`, \`flatten\` and \`detach\` share memory; \`permute\`,
  \`transpose\`, \`narrow\`, \`select\` and \`expand\` copy.
- Where PyTorch has iterators over the parts of a module, there are arrays.
- \`state_dict\` keys are PyTorch's to the letter: safetensors files load in both.`;

export function compatibilityPage(): string {
  return `${[INTRODUCTION, summary(), everyday(), ...NAMES.groups.map(section)].join("\n\n")}\n`;
}
