/**
 * Makes a JavaScript module of a program: types are removed, and each import is replaced by the address of a
 * module. The lines stay where they are.
 */
import { type Node, type Position, parse } from "acorn";
import { simple } from "acorn-walk";
import { transform } from "sucrase";

/** An error in the text of a program, at a line that is counted from one. */
export class ProgramError extends Error {
  override name = "SyntaxError";
  readonly file: string;
  readonly line: number;
  readonly column: number;

  constructor(file: string, message: string, { line, column }: { line: number; column: number }) {
    super(message);
    this.file = file;
    this.line = line;
    this.column = column;
  }
}

function removeTypes(file: string, source: string): string {
  try {
    return transform(source, { transforms: ["typescript"], disableESTransforms: true, keepUnusedImports: false }).code;
  } catch (error) {
    const { message, loc } = error as Error & { loc?: { line: number; column: number } };
    if (!loc) throw error;
    throw new ProgramError(file, message.replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, ""), loc);
  }
}

function parseModule(file: string, code: string): Node {
  try {
    return parse(code, { ecmaVersion: "latest", sourceType: "module", locations: true });
  } catch (error) {
    const { message, loc } = error as Error & { loc?: Position };
    if (!loc) throw error;
    // Removing the types has moved columns, but no lines.
    throw new ProgramError(file, message.replace(/ \(\d+:\d+\)$/, ""), { line: loc.line, column: 0 });
  }
}

interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

type Source = Node & { value: string };

/**
 * Removes the types of a program, and links what it imports.
 *
 * @param link gives the address of the module that `specifier` names
 * @throws ProgramError for text that is no program, or an import that `link` rejects.
 */
export async function compile(
  file: string,
  source: string,
  link: (specifier: string) => Promise<string>,
): Promise<string> {
  const code = removeTypes(file, source);
  const tree = parseModule(file, code);
  const replacements: Replacement[] = [];
  const imports: Source[] = [];
  const collect = (node: { source?: unknown }) => {
    const from = node.source as Source | null;
    if (from && typeof from.value === "string") imports.push(from);
  };
  simple(tree, {
    ImportDeclaration: collect,
    ExportNamedDeclaration: collect,
    ExportAllDeclaration: collect,
    ImportExpression: collect,
    MetaProperty(node) {
      if (node.meta.name !== "import") return;
      const { start, end } = node;
      replacements.push({ start, end, text: `({ url: ${JSON.stringify(`file:///${file}`)} })` });
    },
  });
  for (const { start, end, value, loc } of imports) {
    try {
      replacements.push({ start, end, text: JSON.stringify(await link(value)) });
    } catch (error) {
      if (error instanceof ProgramError) throw error;
      throw new ProgramError(file, (error as Error).message, { line: loc?.start.line ?? 1, column: 0 });
    }
  }
  replacements.sort((a, b) => b.start - a.start);
  return replacements.reduce((text, { start, end, text: by }) => text.slice(0, start) + by + text.slice(end), code);
}
