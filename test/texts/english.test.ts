/** The English of comments, error messages and documents: short lines, plain words, known words. */
import { readdirSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { commentsOf, readSource, root } from "../support/source.ts";

/** Columns of a line with a comment. */
const WIDTH = 110;

/**
 * Words and phrases that readers have to read twice, or that mean something else to most readers, and
 * replacements for them.
 */
const RETIRED: readonly (readonly [RegExp, string])[] = [
  [/\b(no|some|any)body\b|\bwhoever\b/i, "say who or what it is: the caller, a thread, no kernel"],
  [/\b(go|goes|going|gone|went) on\b/i, "continue"],
  [/\bserves?\b(?! it with)/i, "support, apply, compute"],
  [/(?<!\b(leave|leaves|leaving|left)\b[^.]{0,40})\bbehind\b/i, "after, past"],
  [/\bat hand\b/i, "available, in a register"],
  [/\bby chance\b/i, "at random, accidentally"],
  [/\b(tells|told)\b(?! apart)/i, "given, predict, classify, say"],
  [/\bof (its|their|his|our) own\b/i, "its own X, a separate X"],
  [/\bby (itself|themselves)\b/i, "automatically, alone, separately"],
  [/\b(a|each|every|next|first|last|one) turn\b/i, "iteration, rotation"],
  [/\bin turns?\b/i, "alternately, one after the other"],
  [/(?<!\b(each|every|per|a) )\bround (a|about|every|each|it|the)\b/i, "around"],
  [
    /\b(one|two|three|four|eight|\d+) (?!of\b|in\b|so\b|where\b|halves\b)\w+ an? (channel|element|image|row|plane|step|tile)\b/i,
    "per",
  ],
  [/\bshall\b|\bmay not be\b/i, "must, must not"],
  [/\banew\b/i, "again"],
];

const CODE = ["src", "assembly", "test", "bench", "examples", "scripts"];
const SKIPPED = /(^|\/)(fixtures|node_modules|runtimes)\/|(\.generated|_pb)\.ts$/;

function filesBelow(folder: string, extension: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((file) => normalize(join(folder, file)))
    .filter((file) => extension.test(file) && !SKIPPED.test(file))
    .sort();
}

const read = (path: string) => readFileSync(join(root, path), "utf8");
const sources = CODE.flatMap((folder) => filesBelow(folder, /\.m?ts$|\.mjs$/));
const documents = [
  ...readdirSync(root).filter((file) => file.endsWith(".md")),
  ...["assembly", "bench", "docs", "examples", "test"].flatMap((folder) => filesBelow(folder, /\.md$/)),
];

const lineOf = (text: string, at: number) => text.slice(0, at).split("\n").length;

/**
 * Lines with a comment that are wider than WIDTH. Exempt are lines with an address, the code of an @example
 * (the formatter's width is 120), and drawings and tables: lines with three spaces in a row.
 */
function wideComments(path: string, text: string): string[] {
  const lines = text.split("\n");
  const wide = new Set<number>();
  for (const { start, end } of commentsOf(path, text)) {
    let inExample = false;
    for (let line = lineOf(text, start); line <= lineOf(text, end); line++) {
      const content = lines[line - 1];
      if (/^\s*\* @/.test(content)) inExample = /^\s*\* @example/.test(content);
      const exempt =
        inExample || /https?:\/\//.test(content) || /\S {3}/.test(content.trim().replace(/^(\*|\/\/)/, "x"));
      if ([...content].length > WIDTH && !exempt) wide.add(line);
    }
  }
  return Array.from(wide, (line) => `${path}:${line}`);
}

/** Retired words in a text, and their replacements. */
function retiredIn(path: string, text: string, from: number, to: number): string[] {
  const prose = text.slice(from, to).replace(/\n[ \t]*(\*(?!\/)|\/\/)?[ \t]*/g, " ");
  // code in backticks is not prose
  const plain = prose.replace(/`[^`]*`/g, "`code`").replace(/ +/g, " ");
  return RETIRED.flatMap(([word, instead]) => {
    const found = word.exec(plain);
    return found ? [`${path}:${lineOf(text, from)}: "${found[0]}": ${instead}`] : [];
  });
}

/** Consecutive comments of one line are one text. */
function proseOf(path: string, text: string): [from: number, to: number][] {
  const spans: [number, number][] = [];
  for (const { start, end } of commentsOf(path, text)) {
    const last = spans.at(-1);
    if (last && /^\n[ \t]*$/.test(text.slice(last[1], start))) last[1] = end;
    else spans.push([start, end]);
  }
  return spans;
}

/** Strings of several words in the code of src: the texts of errors and warnings. */
function messagesOf(path: string, text: string): [from: number, to: number][] {
  return readSource(path, text)
    .nodes.filter(
      ({ type, value }) =>
        (type === "Literal" && typeof value === "string" && value.includes(" ")) ||
        (type === "TemplateElement" && value.raw.includes(" ")),
    )
    .map(({ start, end }) => [start, end]);
}

describe("comments", () => {
  test.each(CODE)("of %s are at most 110 columns wide", (folder) => {
    const files = sources.filter((path) => path.startsWith(`${folder}/`));
    expect(files.flatMap((path) => wideComments(path, read(path)))).toEqual([]);
  });

  test.each(CODE)("of %s use plain words", (folder) => {
    const files = sources.filter((path) => path.startsWith(`${folder}/`) && path !== "test/texts/english.test.ts");
    const found = files.flatMap((path) => {
      const text = read(path);
      return proseOf(path, text).flatMap(([from, to]) => retiredIn(path, text, from, to));
    });
    expect(found).toEqual([]);
  });

  test("a wide one is noticed; strings, drawings, addresses and examples are not", () => {
    const long = "word ".repeat(25);
    const count = (text: string) => wideComments("src/made_up.ts", text).length;
    expect(count(`// ${long}`)).toBe(1);
    expect(count(`/**\n * ${long}\n */`)).toBe(1);
    expect(count(`const x = 1; // ${long}`)).toBe(1);
    expect(count(`const x = "// ${long}";`)).toBe(0);
    expect(count(`//   panel 0     ${long}`)).toBe(0);
    expect(count(`// see: https://example.org/${"x".repeat(100)}`)).toBe(0);
    expect(count(`/**\n * @example\n * ${long}\n */`)).toBe(0);
    expect(count(`/**\n * @example\n * short\n * @returns ${long}\n */`)).toBe(1);
    expect(count(`@inline\nfunction f(): void {} // ${long}`)).toBe(1);
  });

  test("a retired word is noticed, across lines as well", () => {
    const count = (text: string) => retiredIn("a.ts", text, 0, text.length).length;
    expect(count("/** Nobody reads it. */")).toBe(1);
    expect(count("/**\n * The loop goes\n * on from here.\n */")).toBe(1);
    expect(count("// zeros behind the last")).toBe(1);
    expect(count("// an error leaves no file behind")).toBe(0);
    expect(count("// one float a channel")).toBe(1);
    expect(count("// one float per channel, turned to the left")).toBe(0);
  });
});

describe("texts", () => {
  test("error messages and warnings use plain words", () => {
    const found = sources
      .filter((path) => path.startsWith("src/"))
      .flatMap((path) => {
        const text = read(path);
        return messagesOf(path, text).flatMap(([from, to]) => retiredIn(path, text, from, to));
      });
    expect(found).toEqual([]);
  });

  test.each(documents)("%s uses plain words", (path) => {
    const text = read(path);
    const paragraphs = Array.from(text.matchAll(/[^\n](?:[^\n]|\n(?!\n))*/g), ({ 0: { length }, index }) => [
      index,
      index + length,
    ]);
    expect(paragraphs.flatMap(([from, to]) => retiredIn(path, text, from, to))).toEqual([]);
  });
});

describe("the word list of the spelling check", () => {
  const words = read("cspell_words.txt")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

  test("is sorted, in lower case, without duplicates", () => {
    expect(words).toEqual([...new Set(words.map((word) => word.toLowerCase()))].sort());
  });

  test("has no unused word", () => {
    const others = ["package.json", "asconfig.json", "bench/versus/peers/pytorch.py"];
    const all = [...sources, ...documents, ...filesBelow("docs", /\.ts$/), ...others];
    const text = [...all, ...readdirSync(root).filter((file) => /\.(ts|json)$/.test(file) && file !== "cspell.json")]
      .map(read)
      .join("\n")
      .toLowerCase();
    // a name in capitals or with underscores consists of several words, so only letters are compared
    expect(words.filter((word) => !text.includes(word))).toEqual([]);
  });
});
