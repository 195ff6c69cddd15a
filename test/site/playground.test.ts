/** The playground: its programs run to their end, or as far as said below, in real browsers. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflateRawSync } from "node:zlib";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../support/source.ts";
import { browsers, openBrowser, openPage, type SiteServer, serveSite } from "./site.ts";

const inFolder = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`);

const LESSONS = inFolder("examples").filter((file) => /\/\d\d_/.test(file));

/** Arguments that make a program short enough for a test. */
const ARGUMENTS: Record<string, string> = { "examples/10_train_inpainting.ts": "1 40" };

/** Programs that train for minutes are stopped after so many lines. */
const ENOUGH_LINES = 2;

let server: SiteServer;
beforeAll(async () => {
  server = await serveSite();
});
afterAll(() => server[Symbol.asyncDispose]());

const nodeOutput = new Map<string, Promise<string>>();

/** What Node prints for a lesson. */
function printedByNode(file: string): Promise<string> {
  const known = nodeOutput.get(file);
  if (known) return known;
  const folder = mkdtempSync(join(tmpdir(), "wasmgrad-lesson-"));
  const args = ["--import", import.meta.resolve("tsx"), join(root, file), ...(ARGUMENTS[file] ?? "").split(" ")];
  const run = promisify(execFile)(process.execPath, args.filter(Boolean), { cwd: folder });
  const printed = run.then(({ stdout }) => stdout).finally(() => rmSync(folder, { recursive: true }));
  nodeOutput.set(file, printed);
  return printed;
}

/** Times and numbers of threads differ from run to run. */
const comparable = (text: string) =>
  text.replaceAll(/^\d+ threads?\s*: +\d+\.\d ms/gm, "threads: time").replace(/\n$/, "");

/** The part of an address that holds a program, made without the page's code. */
function hashOf(program: { file: string; source?: string; args?: string }): string {
  return `#program=${deflateRawSync(JSON.stringify(program)).toString("base64url")}`;
}

const stateOf = (page: Page) => page.$eval(".playground", (element) => (element as HTMLElement).dataset.state);

async function waitForState(page: Page, ...states: string[]): Promise<string> {
  const found = await page.waitForFunction(
    (wanted) => {
      const state = document.querySelector<HTMLElement>(".playground")?.dataset.state;
      return wanted.includes(state ?? "") ? state : undefined;
    },
    { timeout: 200_000 },
    states,
  );
  return (await found.jsonValue()) as string;
}

/** The lines that a program has printed. */
async function linesOf(page: Page): Promise<string[]> {
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)));
  return page.$$eval(".playground-lines > *", (lines) => lines.map(({ textContent }) => textContent ?? ""));
}

const printed = async (page: Page) => (await linesOf(page)).map((line) => (line === "\n" ? "" : line)).join("\n");

const press = (page: Page, name: string) =>
  page.evaluate((text) => {
    const buttons = [...document.querySelectorAll<HTMLButtonElement>(".playground button")];
    buttons.find(({ textContent }) => textContent === text)!.click();
  }, name);

describe.each(browsers)("%s", (kind) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser(kind);
  });
  afterAll(() => browser.close());

  /** Opens the playground with a program. */
  async function open(program: { file: string; source?: string; args?: string }) {
    const opened = await openPage(browser, `${server.address}docs/playground.html${hashOf(program)}`);
    await waitForState(opened.page, "ready");
    return opened;
  }

  async function runSource(source: string) {
    const opened = await open({ file: "examples/01_tensor.ts", source });
    await press(opened.page, "Run");
    return opened;
  }

  it("offers the lessons, the README's program and the other examples of one file", async () => {
    const { page } = await open({ file: LESSONS[0] });
    const offered = await page.$$eval(".playground option", (options) => options.map(({ value }) => value));
    const expected = [
      ...LESSONS,
      "examples/tutorial.ts",
      ...inFolder("examples/pytorch"),
      ...inFolder("examples/autograd").filter((file) => !file.endsWith("network.ts")),
    ];
    expect(offered.filter((file) => file !== "shared")).toEqual(expected);
    await page.close();
  });

  it.each(LESSONS)("%s prints what Node prints", async (file) => {
    const { page, errors } = await open({ file, args: ARGUMENTS[file] });
    await press(page, "Run");
    expect(await waitForState(page, "done", "failed"), await printed(page)).toBe("done");
    expect(comparable(await printed(page))).toBe(comparable(await printedByNode(file)));
    if (file.includes("10_")) {
      const size = await page.$eval(".playground-pictures img", (image) => (image as HTMLImageElement).naturalWidth);
      expect(size).toBeGreaterThan(100);
    }
    expect(errors).toEqual([]);
    await page.close();
  });

  const others = ["examples/tutorial.ts", ...inFolder("examples/pytorch"), ...inFolder("examples/autograd")];
  it.each(others.filter((file) => !file.endsWith("network.ts")))("%s runs", async (file) => {
    const { page, errors } = await open({ file });
    await press(page, "Run");
    await page.waitForFunction(
      (enough) =>
        document.querySelectorAll(".playground-lines > *").length >= enough ||
        document.querySelector<HTMLElement>(".playground")!.dataset.state !== "running",
      { timeout: 200_000 },
      file.endsWith("tutorial.ts") ? 1 : ENOUGH_LINES,
    );
    const state = await stateOf(page);
    expect(["running", "done"], await printed(page)).toContain(state);
    expect(await page.$$(".playground-error")).toHaveLength(0);
    expect((await linesOf(page)).length).toBeGreaterThan(0);
    expect(errors).toEqual([]);
    await page.close();
  });

  it("shows the pictures and lists the files that a program writes or prints", async () => {
    const { page, errors } = await runSource(
      [
        'import { writeFileSync } from "node:fs";',
        'import { Picture, savePNG } from "wasmgrad/plot";',
        'savePNG("first.png", new Picture(30, 20));',
        'console.log("a picture", new Picture(12, 8));',
        'writeFileSync("note.txt", "hello");',
      ].join("\n"),
    );
    expect(await waitForState(page, "done", "failed"), await printed(page)).toBe("done");
    await page.waitForFunction(() => [...document.images].every(({ complete }) => complete));
    const sizes = await page.$$eval(".playground-pictures img", (images) =>
      images.map((image) => [(image as HTMLImageElement).naturalWidth, (image as HTMLImageElement).naturalHeight]),
    );
    expect(sizes).toEqual([
      [30, 20],
      [12, 8],
    ]);
    expect(await page.$eval(".playground-files", ({ textContent }) => textContent)).toBe("note.txt 5 bytes");
    expect(await printed(page)).toBe("a picture");
    expect(errors).toEqual([]);
    await page.close();
  });

  it.each(["jpeg", "webp", "png"])("decodes a picture's bytes and its file: %s", async (type) => {
    const { page, errors } = await runSource(
      [
        'import { writeFileSync } from "node:fs";',
        'import { decodeImage, fromPixelsAsync, readImage } from "wasmgrad/vision";',
        "const canvas = new OffscreenCanvas(24, 16);",
        'const context = canvas.getContext("2d")!;',
        'context.fillStyle = "rgb(200, 100, 50)";',
        "context.fillRect(0, 0, 24, 16);",
        `const blob = await canvas.convertToBlob({ type: "image/${type}" });`,
        "const bytes = new Uint8Array(await blob.arrayBuffer());",
        `writeFileSync("picture.${type}", bytes);`,
        `for (const image of [await decodeImage(bytes), await readImage("picture.${type}")])`,
        "  console.log(blob.type, image.shape.join(), [0, 1, 2].map((c) => image.data[c * 384 + 200]).join());",
        "console.log((await fromPixelsAsync(blob, { size: 8 })).shape.join());",
      ].join("\n"),
    );
    expect(await waitForState(page, "done", "failed"), await printed(page)).toBe("done");
    const [first, second, third] = await linesOf(page);
    const [, written, shape, colour] = /^(\S+) (\S+) (\S+)/.exec(first)!;
    expect(second).toBe(first);
    expect(shape).toBe(written === "image/png" ? "4,16,24" : "3,16,24");
    for (const [c, value] of [200, 100, 50].entries())
      expect(Math.abs(Number(colour.split(",")[c]) - value)).toBeLessThan(6);
    expect(third).toBe("3,8,8");
    expect(errors).toEqual([]);
    await page.close();
  });

  it("stops an endless loop, and runs again", async () => {
    const { page } = await runSource('console.log("begun");\nfor (;;) {}');
    await page.waitForSelector(".playground-lines > *");
    await press(page, "Stop");
    expect(await stateOf(page)).toBe("stopped");
    await page.select(".playground select", LESSONS[0]);
    await waitForState(page, "ready");
    await press(page, "Run");
    expect(await waitForState(page, "done", "failed")).toBe("done");
    await page.close();
  });

  it.each([
    ["text that is no program", "const a = 1;\n\nconst b: = 2;", 3, "01_tensor.ts:3: "],
    ["a name that is declared twice", "let a = 1;\nlet a: number = 2;", 2, "already been declared"],
    [
      "an error of the library",
      'import { ones } from "wasmgrad";\n\nones([2]).add(ones([3]));',
      3,
      "ShapeError: add: ",
    ],
    ["an error after an await", "await null;\n\n\nthrow new TypeError('late');", 4, "TypeError: late"],
    ["an import of a package", 'import "three";', 1, '"three" cannot be imported here. A program can import wasmgrad,'],
    [
      "a module of Node",
      '\nimport { createServer } from "node:http";\ncreateServer();',
      2,
      'A page has no "node:http"',
    ],
  ])("shows the line of %s", async (_, source, line, words) => {
    const { page, errors } = await runSource(source);
    expect(await waitForState(page, "done", "failed")).toBe("failed");
    expect(await printed(page)).toContain(words);
    expect(await page.$eval(".playground-status", ({ textContent }) => textContent)).toBe(`Failed in line ${line}`);
    const marked = await page.$eval(".cm-wrong", ({ textContent }) => textContent);
    expect(marked).toBe(source.split("\n")[line - 1]);
    expect(errors).toEqual([]);
    await page.close();
  });

  it("prints tables, groups and objects as Node does", async () => {
    const source = [
      'console.table([{ a: 1, b: "x" }, { a: 2, c: [3] }]);',
      'console.group("outer"); console.log("a\\nb"); console.groupEnd();',
      "console.log({ a: [1, 2, { b: { c: {} } }], m: new Map([[1, 2]]) }, [1.5, -0], 'text', null, 12n);",
      "console.log('%s is %d', 'x', 4, { y: 5 });",
    ].join("\n");
    const { page } = await runSource(source);
    expect(await waitForState(page, "done", "failed")).toBe("done");
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", source]);
    expect(await printed(page)).toBe(stdout.trimEnd());
    await page.close();
  });

  it("shares a program by a link, and keeps edits", async () => {
    const { page, errors } = await open({ file: LESSONS[1] });
    await page.click(".cm-content .cm-line");
    await page.keyboard.press("Home");
    await page.keyboard.type("// mine: ");
    await press(page, "Share");
    await page.waitForSelector(".playground > input:not([hidden])");
    const link = await page.$eval(".playground > input", (input) => (input as HTMLInputElement).value);
    const first = (opened: Page) => opened.$eval(".cm-line", ({ textContent }) => textContent);
    expect(await first(page)).toMatch(/^\/\/ mine: \/\/ Lesson 2/);

    await page.reload();
    await waitForState(page, "ready");
    expect(await first(page)).toMatch(/^\/\/ mine: \/\/ Lesson 2/);
    await press(page, "Reset");
    expect(await first(page)).toMatch(/^\/\/ Lesson 2/);

    const { page: other } = await openPage(browser, link);
    await waitForState(other, "ready");
    expect(await first(other)).toMatch(/^\/\/ mine: \/\/ Lesson 2/);
    expect(await other.$eval(".playground select", (select) => (select as HTMLSelectElement).value)).toBe("shared");
    expect(errors).toEqual([]);
    await Promise.all([page.close(), other.close()]);
  });

  it("says that a link is damaged", async () => {
    const { page } = await openPage(browser, `${server.address}docs/playground.html#program=abc`);
    await page.waitForSelector(".playground-error");
    expect(await printed(page)).toContain("The link is not complete");
    await page.close();
  });

  it("runs by Control Enter; Escape, then Tab, leaves the editor", async () => {
    const { page } = await open({ file: LESSONS[0] });
    await page.focus(".cm-content");
    await page.keyboard.down("Control");
    await page.keyboard.press("Enter");
    await page.keyboard.up("Control");
    expect(await waitForState(page, "done", "failed")).toBe("done");
    const inEditor = () => page.evaluate(() => document.activeElement?.closest(".cm-editor") !== null);
    await page.keyboard.press("Tab");
    expect(await inEditor()).toBe(true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    expect(await inEditor()).toBe(false);
    await page.close();
  });
});
