/**
 * Reads the contract between the kernels and TypeScript, so that no part of it is written twice. The
 * signatures come from build/kernels.d.ts, where asc writes the type of each parameter. The rest comes from
 * the AssemblyScript sources, by tags in their doc comments:
 *
 *   @inPlace    on a kernel: it reads what it writes, so running it again changes the result
 *   @shared     on a const or an enum: TypeScript needs its values as well
 *   @unmanaged (a decorator of AssemblyScript) on a class: a table that TypeScript
 *     writes, four bytes per field
 */

import { posix } from "node:path";
import { partOfFile } from "./kernel_parts.ts";

export interface Parameter {
  name: string;
  /** The type in AssemblyScript: "usize" is an address, all others are numbers. */
  type: string;
}

export interface Kernel {
  name: string;
  /** The path of its source: "assembly/matmul/gemm.ts". */
  file: string;
  parameters: Parameter[];
  /** The type in TypeScript. */
  result: string;
  isInPlace: boolean;
}

export interface Constant {
  name: string;
  file: string;
  doc: string;
  /** A number, or the members of an enum. */
  value: number | Record<string, number>;
}

export interface Table {
  name: string;
  file: string;
  doc: string;
  fields: Parameter[];
}

export interface Contract {
  kernels: Kernel[];
  constants: Constant[];
  tables: Table[];
}

const TYPES = ["usize", "i32", "u32", "f32", "f64", "bool"];
const DOC = String.raw`/\*\*((?:[^*]|\*(?!/))*)\*/\s*`;
/** Matches the decorator of a constant that is inlined, so that the compiled code contains its value. */
const DECORATOR = String.raw`(?://[^\n]*\s*@inline\s+)?`;

function fail(message: string): never {
  throw new Error(`kernel_contract: ${message}`);
}

/** The text of a doc comment on one line, without its tags. */
function textOf(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .filter((line) => !/^@\w+$/.test(line))
    .join(" ")
    .replace(/(^|\s)@(shared|inPlace)\b/g, "")
    .trim();
}

const hasTag = (comment: string, tag: string) => new RegExp(`@${tag}\\b`).test(comment);

/** The kernels in the declarations that asc writes: one doc comment and one signature each. */
function readKernels(declarations: string): Kernel[] {
  const kernels: Kernel[] = [];
  for (const [, comment, name, names, result] of declarations.matchAll(
    new RegExp(`${DOC}export function (\\w+)\\((.*)\\): (\\w+);`, "g"),
  )) {
    const path = /^ *\* (assembly\/\S+)\/\w+$/m.exec(comment)?.[1];
    const parameters = Array.from(comment.matchAll(/@param (\w+) `(\w+)`/g), ([, name, type]) => ({ name, type }));
    const signature = parameters.map((parameter) => `${parameter.name}: number`).join(", ");
    if (!path || names !== signature) fail(`${name}(${names}): asc describes (${signature})`);
    for (const { type } of parameters) if (!TYPES.includes(type)) fail(`${name}: a parameter of type ${type}`);
    const returns = /@returns `(\w+)`/.exec(comment)?.[1];
    kernels.push({
      name,
      file: `${path}.ts`,
      parameters,
      result: returns === "usize" ? "Address" : result,
      isInPlace: false,
    });
  }
  const count = declarations.split("export function ").length - 1;
  if (kernels.length === 0 || kernels.length !== count) fail(`read ${kernels.length} of ${count} kernels`);
  return kernels;
}

/** The value of a constant expression of integers and of constants declared before it. */
function evaluate(expression: string, known: ReadonlyMap<string, number>): number {
  const numbers = expression.replace(/<\w+>/g, "").replace(/\b[A-Za-z_]\w*\b/g, (name) => {
    return String(known.get(name) ?? fail(`${name} in "${expression}" is no constant of this file`));
  });
  if (!/^[\dxa-fA-F\s()+*<|-]+$/.test(numbers)) fail(`"${expression}" is no sum or product of whole numbers`);
  return Function(`"use strict"; return (${numbers});`)() as number;
}

/** The members of an enum: each is one more than the previous member, or has an explicit value. */
function members(body: string, known: ReadonlyMap<string, number>): Record<string, number> {
  const values: Record<string, number> = {};
  let next = 0;
  const plain = body.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  for (const member of plain.split(",").map((text) => text.trim())) {
    if (!member) continue;
    const [name, expression] = member.split("=").map((text) => text.trim());
    next = expression === undefined ? next : evaluate(expression, known);
    values[name] = next++;
  }
  return values;
}

type Sources = ReadonlyMap<string, string>;

/** The integer constants of a file, shared or not, and the integer constants that it imports by name. */
function wholeConstants(file: string, sources: Sources): Map<string, number> {
  const source = sources.get(file) ?? "";
  const known = new Map<string, number>();
  for (const [, names, path] of source.matchAll(/^import \{([^}]*)\} from "(\.[^"]*)";/gm)) {
    const wanted = names.split(",").map((name) => name.trim());
    const from = wanted.some((name) => /^[A-Z][A-Z0-9_]*$/.test(name))
      ? wholeConstants(`${posix.join(posix.dirname(file), path)}.ts`, sources)
      : new Map<string, number>();
    for (const name of wanted) if (from.has(name)) known.set(name, from.get(name) as number);
  }
  for (const [, name, expression] of source.matchAll(/^(?:export )?const (\w+)(?:: \w+)? = ([^;]+);/gm)) {
    try {
      known.set(name, evaluate(expression, known));
    } catch {
      // a float, or computed in another way: an error only if a shared constant needs it
    }
  }
  return known;
}

function readConstants(file: string, source: string, sources: Sources): Constant[] {
  const constants: Constant[] = [];
  if (!/@shared\b/.test(source)) return constants;
  const known = wholeConstants(file, sources);
  const declaration = "(?:enum (?<set>\\w+) \\{(?<body>[^}]*)\\}|(?<name>\\w+)(?:: \\w+)? = (?<expression>[^;]+);)";
  for (const { 1: comment, groups = {} } of source.matchAll(
    new RegExp(`${DOC}${DECORATOR}(?:export )?const ${declaration}`, "g"),
  )) {
    if (!hasTag(comment, "shared")) continue;
    const { set, body, name, expression } = groups;
    const value = set ? members(body, known) : evaluate(expression, known);
    constants.push({ name: set ?? name, file, doc: textOf(comment), value });
  }
  return constants;
}

function readTables(file: string, source: string): Table[] {
  const tables: Table[] = [];
  for (const [, comment, name, body] of source.matchAll(
    new RegExp(`${DOC}@unmanaged\\s+(?:export )?class (\\w+) \\{(.*?)^\\}`, "gms"),
  )) {
    const plain = body.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    const fields = Array.from(plain.matchAll(/^\s*(\w+)!: (\w+);$/gm), ([, name, type]) => ({ name, type }));
    if (fields.length === 0 || plain.replace(/^\s*\w+!: (usize|i32|u32);$/gm, "").trim() !== "") {
      fail(`${file}: class ${name} has members that are no fields of type i32, u32 or usize`);
    }
    tables.push({ name, file, doc: textOf(comment), fields });
  }
  return tables;
}

const count = (source: string, pattern: RegExp) => source.match(pattern)?.length ?? 0;

/**
 * `declarations` is build/kernels.d.ts, `sources` the files of assembly/ by their paths. Throws if a tag is
 * not followed by a declaration.
 */
export function readContract(declarations: string, sources: Sources): Contract {
  const contract: Contract = { kernels: readKernels(declarations), constants: [], tables: [] };
  for (const kernel of contract.kernels) if (!sources.has(kernel.file)) fail(`${kernel.name}: no file ${kernel.file}`);
  for (const [file, source] of sources) {
    const own = new Map(
      contract.kernels.filter((kernel) => kernel.file === file).map((kernel) => [kernel.name, kernel]),
    );
    let marked = 0;
    for (const [, comment, name] of source.matchAll(new RegExp(`${DOC}export function (\\w+)`, "g"))) {
      const kernel = own.get(name);
      if (!kernel || !hasTag(comment, "inPlace")) continue;
      kernel.isInPlace = true;
      marked++;
    }
    const constants = readConstants(file, source, sources);
    const tables = readTables(file, source);
    const expected = [count(source, /@inPlace\b/g), count(source, /@shared\b/g), count(source, /^@unmanaged\b/gm)];
    if (`${expected}` !== `${[marked, constants.length, tables.length]}`) {
      fail(
        `${file}: ${expected} tags @inPlace, @shared and @unmanaged, but they mark ${marked} kernels, ` +
          `${constants.length} constants and ${tables.length} classes`,
      );
    }
    contract.constants.push(...constants);
    contract.tables.push(...tables);
  }
  const names = [...contract.constants, ...contract.tables].map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) fail(`two shared constants or tables are named ${twice}`);
  return contract;
}

const typeScript = (type: string) => (type === "usize" ? "Address" : type === "bool" ? "boolean" : "number");
const docOf = ({ doc, file }: { doc: string; file: string }) => `/** ${doc} (${file}) */\n`;

/** The names of the kernels of each part. */
function writeParts(kernels: readonly Kernel[]): string {
  const names = new Map<string, string[]>();
  for (const { name, file } of kernels) {
    const part = partOfFile(file);
    if (part) names.set(part, [...(names.get(part) ?? []), `"${name}"`]);
  }
  return [...names]
    .sort()
    .map(([part, own]) => `  ${part}: ${own.join(" | ")};\n`)
    .join("");
}

/** The contract as TypeScript. */
export function writeContract({ kernels, constants, tables }: Contract): string {
  const methods = kernels.map(({ name, parameters, result }) => {
    return `  ${name}(${parameters.map((p) => `${p.name}: ${typeScript(p.type)}`).join(", ")}): ${result};\n`;
  });
  const inPlace = kernels.filter((kernel) => kernel.isInPlace).map(({ name }) => `  "${name}",\n`);
  const values = constants.map((constant) => {
    const { name, value } = constant;
    if (typeof value === "number") return `${docOf(constant)}export const ${name} = ${value};\n`;
    const body = Object.entries(value).map(([member, number]) => `  ${member}: ${number},\n`);
    const type = `export type ${name} = (typeof ${name})[keyof typeof ${name}];\n`;
    return `${docOf(constant)}export const ${name} = {\n${body.join("")}} as const;\n${type}`;
  });
  const writers = tables.map((table) => {
    const { name, fields } = table;
    const types = fields.map((field) => `  ${field.name}: ${typeScript(field.type)};\n`).join("");
    const words = fields.map((field) => `t.${field.name}`).join(", ");
    const writer = `${name[0].toLowerCase()}${name.slice(1)}Words`;
    return (
      `${docOf(table)}export interface ${name} {\n${types}}\n\n` +
      `/** The words of a ${name}, in the order in which kernels read them. */\n` +
      `export function ${writer}(t: ${name}): number[] {\n  return [${words}];\n}\n`
    );
  });
  return [
    'import type { Address } from "./address.ts";\n',
    `export interface Kernels {\n${methods.join("")}}\n`,
    `/** The kernels of each part: see code/plain.ts. */\nexport interface PartKernels {\n${writeParts(kernels)}}\n`,
    "/** Kernels that read what they write: to run one again changes the result. */\n" +
      `export const IN_PLACE_KERNELS: ReadonlySet<string> = /* @__PURE__ */ new Set([\n${inPlace.join("")}]);\n`,
    ...values,
    ...writers,
  ].join("\n");
}
