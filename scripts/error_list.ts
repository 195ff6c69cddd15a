/** Writes docs/errors.md from the doc comments of the error classes. usage: npm run errors */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** A line between the outputs of two examples. */
const MARK = "-- next --";

const HEAD = `# Errors

<!-- Written by \`npm run errors\` from the doc comments of the classes. -->

Every error that the library throws on purpose is a \`WasmgradError\`. Its message names the operation, what it
expected, what it got, and all shapes. The classes are exported by \`wasmgrad\`, and \`Interrupted\` by
\`wasmgrad/train\`. Below each example stands what it prints.
`;

interface ErrorClass {
  name: string;
  when: string;
  advice: string;
  example?: string;
}

/** The exported error classes of a file, with what their doc comments say. */
function errorClasses(file: string): ErrorClass[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.matchAll(/\/\*\*\n((?: \*.*\n)+) \*\/\nexport class (\w+) extends (?:WasmgradError|Error) /g);
  return [...found].map(([, comment, name]) => {
    const words = comment.replaceAll(/^ \* ?/gm, "");
    const [prose, example] = words.split("@example\n");
    const [when, advice, ...others] = prose.trim().split("\n\n");
    if (!advice?.startsWith("What to do: ") || others.length > 0) {
      throw new Error(`${file}: the comment of ${name} needs a paragraph on when, and one "What to do: ..."`);
    }
    return { name, when, advice: advice.replace("What to do: ", "").trim(), example: example?.trim() };
  });
}

/** What the examples print, by running them with the built library. */
function outputs(examples: readonly string[]): string[] {
  const folder = join(root, "build/errors");
  mkdirSync(folder, { recursive: true });
  const imports = examples.map((example, i) => {
    const file = join(folder, `${i}.ts`);
    writeFileSync(file, example.replace(/^```ts\n/, "").replace(/```$/, ""));
    return `await import(${JSON.stringify(pathToFileURL(file).href)}); console.log(${JSON.stringify(MARK)});`;
  });
  const all = join(folder, "all.mts");
  writeFileSync(all, imports.join("\n"));
  const printed = execFileSync(process.execPath, ["--import", "tsx", all], { cwd: root, encoding: "utf8" });
  return printed
    .split(`${MARK}\n`)
    .slice(0, -1)
    .map((text) => text.trimEnd());
}

const firstUpper = (text: string) => text[0].toUpperCase() + text.slice(1);

/** One paragraph, broken into lines as the other pages are. */
function wrap(text: string): string {
  const lines = [""];
  for (const word of text.replaceAll("\n", " ").match(/(`[^`]*`|[^\s`])+/g) ?? []) {
    const last = lines.length - 1;
    if (lines[last] !== "" && lines[last].length + word.length >= 120) lines.push(word);
    else lines[last] += lines[last] === "" ? word : ` ${word}`;
  }
  return lines.join("\n");
}

/** The page, as it should be. */
export function errorsPage(): string {
  const classes = [...errorClasses("src/errors.ts"), ...errorClasses("src/train/interrupted.ts")];
  const withExample = classes.filter(({ example }) => example !== undefined);
  const printed = outputs(withExample.map(({ example }) => example!));
  const sections = classes.map((error) => {
    const output = printed[withExample.indexOf(error)];
    return [
      `## ${error.name}`,
      wrap(error.when),
      wrap(`**What to do.** ${firstUpper(error.advice)}`),
      ...(error.example === undefined ? [] : [error.example, `\`\`\`text\n${output}\n\`\`\``]),
    ].join("\n\n");
  });
  return `${HEAD}\n${sections.join("\n\n")}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, "docs/errors.md"), errorsPage());
  console.log("docs/errors.md: written");
}
