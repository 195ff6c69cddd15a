/** Opens a case's pages and extensions, and waits for their answers. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import {
  askPage,
  type BrowserName,
  COMMANDS,
  type FileOf,
  hasBrowser,
  servePage,
} from "../product/browser/browsers.ts";
import type { Answer } from "./program/probe.ts";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const LIMIT_MS = 45_000;

const LAUNCH = {
  executablePath: COMMANDS.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"],
};

/** The files of a folder, by the path of an address. */
const filesIn =
  (folder: string): FileOf =>
  (url) => {
    const { pathname } = new URL(url, "http://localhost");
    const name = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    try {
      return { type: TYPES[extname(name)] ?? "application/octet-stream", body: readFileSync(join(folder, name)) };
    } catch {
      return undefined;
    }
  };

/**
 * The answer of a page, or the first error that it throws. The answer is what the page posts to its server,
 * if `posted` is given, else its global variable.
 */
async function answerOf(page: Page, url: string, posted?: Promise<unknown>): Promise<Answer> {
  const said: string[] = [];
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  const failed = (error: unknown): Answer => ({ error: [String(error), ...said].join("; ") });
  const thrown = new Promise<Answer>((resolve) => page.on("pageerror", (error) => resolve(failed(error))));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve(failed(`no answer in ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  // waitForFunction would compile its text in the page, which a policy may forbid
  const variable = async () => {
    for (let answer: unknown; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
      answer = await page.evaluate("globalThis.answer");
      if (answer) return answer;
    }
  };
  const answered = page.goto(url).then(() => posted ?? variable()) as Promise<Answer>;
  try {
    return await Promise.race([answered.catch(failed), thrown, late]);
  } finally {
    clearTimeout(timer);
  }
}

let browser: Promise<Browser> | undefined;

/** Opens a page of a running server in Chromium. `posted` is its answer, if the page posts it there. */
export async function openInChromium(url: string, posted?: Promise<unknown>): Promise<Answer> {
  browser ??= chromium.launch(LAUNCH);
  const context: BrowserContext = await (await browser).newContext();
  try {
    return await answerOf(await context.newPage(), url, posted);
  } finally {
    await context.close();
  }
}

/** The browsers' names and versions, of those that are installed. */
export async function browserVersions(): Promise<string[]> {
  browser ??= chromium.launch(LAUNCH);
  const versions = [`Chromium ${(await browser).version()}`];
  const ask = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8" });
  const numberIn = (text: string) => text.match(/\d[\d.]+/)?.[0];
  if (hasBrowser("firefox")) versions.push(`Firefox ${numberIn(ask(COMMANDS.firefox, "--version"))}`);
  if (hasBrowser("webkit")) versions.push(`WebKitGTK ${numberIn(ask("xvfb-run", "-a", COMMANDS.webkit, "--version"))}`);
  return versions;
}

export async function closeChromium(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}

/** Opens a page of a folder. */
export async function openPage(
  name: BrowserName,
  folder: string,
  path: string,
  headers: Record<string, string>,
): Promise<Answer> {
  const fileOf = filesIn(folder);
  if (name !== "chromium") return (await askPage(name, headers, fileOf, LIMIT_MS, path)) as Answer;
  const server = await servePage(headers, fileOf);
  try {
    return await openInChromium(server.address + path, server.answer);
  } finally {
    server.close();
  }
}

/** Chromium's name of an extension in a folder: half of a hash of the path, in the letters a to p. */
function extensionId(folder: string): string {
  const digits = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  return digits.replaceAll(/./g, (digit) => "abcdefghijklmnop"[Number.parseInt(digit, 16)]);
}

/** Loads a folder as an extension of Chromium and opens one of its pages. */
export async function openExtension(folder: string, path: string): Promise<Answer> {
  const profile = mkdtempSync(join(tmpdir(), "wasmgrad-extension-"));
  const args = [...LAUNCH.args, `--disable-extensions-except=${folder}`, `--load-extension=${folder}`];
  const context = await chromium.launchPersistentContext(profile, {
    ...LAUNCH,
    args: [...args, "--headless=new"],
    ignoreDefaultArgs: ["--disable-extensions"],
  });
  try {
    return await answerOf(await context.newPage(), `chrome-extension://${extensionId(folder)}${path}`);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}
