/** What axe-core finds on each page: light and dark, on a telephone and on a desk. */

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openBrowser, openPage, type SiteServer, serveSite, sitePages } from "./site.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const OPTIONS: RunOptions = {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
  rules: {
    // VitePress puts its own search button, and links to skip to the content, outside of landmarks
    region: { enabled: false },
  },
};

let server: SiteServer;
let browser: Browser;
beforeAll(async () => {
  server = await serveSite();
  browser = await openBrowser("chrome");
});
afterAll(async () => {
  await browser.close();
  await server[Symbol.asyncDispose]();
});

/** One page of each kind of name of the API, and of each language of source files. */
function generatedPages(): string[] {
  const files = readdirSync("build/site", { recursive: true, encoding: "utf8" });
  const kinds = new Map<string, string>();
  for (const file of files) {
    const [, kind] =
      /^reference\/.*\/([^/]+)\/[^/]+\.html$|^source\/.*\.(\w+)\.html$/.exec(file)?.filter(Boolean) ?? [];
    if (kind) kinds.set(kind, file);
  }
  return [...kinds.values()];
}

/** Waits until a page's script has run, and its interactive parts are there. */
async function waitForParts(page: Page): Promise<void> {
  await page.waitForSelector(".VPSwitchAppearance[title]:not([title=''])");
  await page.evaluate(async () => {
    for (const widget of document.querySelectorAll<HTMLElement>(".widget")) {
      widget.scrollIntoView();
      while (widget.dataset.mounted === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
}

it.each([...sitePages(), ...generatedPages()])("%s", async (file) => {
  const { page } = await openPage(browser, server.address + file);
  await waitForParts(page);
  await page.evaluate(AXE);
  const found: string[] = [];
  for (const width of [360, 768, 1280]) {
    await page.setViewport({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) found.push(`${width} px: the page is ${wide} px wider`);
    if (width === 768) continue; // the colours and names are those of the others
    for (const dark of [false, true]) {
      await page.evaluate((dark) => {
        document.documentElement.classList.toggle("dark", dark);
        for (const animation of document.getAnimations()) animation.finish();
      }, dark);
      const { violations } = (await page.evaluate(
        (options) => (globalThis as unknown as { axe: typeof import("axe-core") }).axe.run(document, options),
        OPTIONS,
      )) as AxeResults;
      for (const { id, nodes } of violations)
        for (const { html, failureSummary } of nodes) {
          const isSearch = html.includes("DocSearch-Button"); // whose name leaves out its keys
          if (isSearch && id === "label-content-name-mismatch") continue;
          const reason = failureSummary?.split("\n")[1]?.trim();
          found.push(`${id}, ${width} px, ${dark ? "dark" : "light"}: ${html.slice(0, 160)}: ${reason}`);
        }
    }
  }
  await page.close();
  expect(found).toEqual([]);
});
