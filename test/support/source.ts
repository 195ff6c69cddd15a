/** Reads the sources as syntax trees, so that comments and strings are not mistaken for code. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "rolldown/utils";
import { parseAst } from "vitest/node";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A syntax node; `type` determines its other fields. */
export interface SyntaxNode {
  type: string;
  start: number;
  // biome-ignore lint/suspicious/noExplicitAny: fields depend on the type
  [field: string]: any;
}

export interface Import {
  /** The import's specifier: "./array.ts", "node:fs". */
  specifier: string;
  /** True if only types are imported, so that nothing happens at run time. */
  typeOnly: boolean;
}

export interface SourceFile {
  /** Relative to the repository: "src/ops/core/array.ts". */
  path: string;
  text: string;
  nodes: SyntaxNode[];
  imports: Import[];
}

function collect(node: unknown, into: SyntaxNode[]): void {
  if (Array.isArray(node)) for (const item of node) collect(item, into);
  else if (node !== null && typeof node === "object") {
    if ("type" in node) into.push(node as SyntaxNode);
    for (const value of Object.values(node)) collect(value, into);
  }
}

/** Files that import modules whose names only a run of the program gives. No browser entry may reach them. */
const COMPUTED_IMPORTS: Record<string, string> = {
  "src/data/worker.ts": "the user's module",
  "src/vision/images/codecs.ts": "optional packages, whose import would stop bundlers",
};

function importsOf(path: string, nodes: SyntaxNode[]): Import[] {
  const imports: Import[] = [];
  for (const node of nodes) {
    if (/^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type) && node.source) {
      const kind = node.importKind ?? node.exportKind;
      const specifiers: SyntaxNode[] = node.specifiers ?? [];
      const allTypes = specifiers.length > 0 && specifiers.every((s) => (s.importKind ?? s.exportKind) === "type");
      imports.push({ specifier: node.source.value, typeOnly: kind === "type" || allTypes });
    } else if (node.type === "ImportExpression") {
      const { value } = node.source;
      const computed = typeof value !== "string";
      if (computed && !(path in COMPUTED_IMPORTS)) throw new Error(`${path}: import() of a computed name`);
      imports.push({ specifier: computed ? "(computed)" : value, typeOnly: false });
    } else if (node.type === "TSImportType") {
      imports.push({ specifier: (node.source ?? node.argument.literal).value, typeOnly: true });
    }
  }
  return imports;
}

/** The file at `path`, read and parsed. */
export function readSource(path: string, text = readFileSync(join(root, path), "utf8")): SourceFile {
  const nodes: SyntaxNode[] = [];
  collect(parseAst(text, { lang: "ts" }), nodes);
  return { path, text, nodes, imports: importsOf(path, nodes) };
}

/** All hand-written TypeScript files below a folder. */
export function readSources(folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/(\.generated|_pb)\.ts$/.test(file))
    .sort()
    .map((file) => readSource(normalize(join(folder, file))));
}

/** The file to which a relative import refers, relative to the repository; null for a package. */
export function resolveImport(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  const path = normalize(join(dirname(from), specifier));
  if (!existsSync(join(root, path))) throw new Error(`${from}: imports ${specifier}, which does not exist`);
  return path;
}

/** `path:line` of a node. */
export function position(file: SourceFile, node: SyntaxNode): string {
  return `${file.path}:${file.text.slice(0, node.start).split("\n").length}`;
}

export interface Comment {
  start: number;
  end: number;
}

/**
 * The comments of a TypeScript or AssemblyScript file. Text in a string that looks like a comment does not
 * count.
 */
export function commentsOf(path: string, text: string): Comment[] {
  // AssemblyScript decorates functions, which TypeScript does not allow: those lines are blanked
  const typescript = text.replace(/^ *@\w+$/gm, (line) => " ".repeat(line.length));
  const { comments, errors } = parseSync(path, typescript);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  return comments;
}
