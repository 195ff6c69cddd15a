/** The site below a path: nothing on its pages asks for anything outside of it. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { root } from "../support/source.ts";
import { type OpenPage, openBrowser, openPage, type SiteServer, serveSite } from "./site.ts";

const BASE = "/some/path/";
const folder = mkdtempSync(join(tmpdir(), "wasmgrad-site-"));

let server: SiteServer;
let browser: Browser;
let opened: OpenPage[];
beforeAll(async () => {
  const vitepress = join(root, "docs/node_modules/.bin/vitepress");
  await promisify(execFile)(vitepress, ["build", join(root, "docs"), "--outDir", folder], {
    env: { ...process.env, SITE_BASE: BASE, SITE_SMALL: "1" },
  });
  server = await serveSite({ folder, base: BASE });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  browser = await openBrowser("chrome");
  opened = [];
  server.sent.clear();
});
afterEach(async () => {
  await browser.close();
  expect(opened.flatMap(({ errors }) => errors)).toEqual([]);
  expect(opened.flatMap(({ elsewhere }) => elsewhere)).toEqual([]);
  expect(server.missing).toEqual([]);
  expect([...server.sent.keys()].filter((path) => !path.startsWith(BASE))).toEqual([]);
});

async function open(path: string): Promise<Page> {
  const one = await openPage(browser, server.address + path);
  opened.push(one);
  return one.page;
}

/** Whether a file was sent whose path matches. */
const wasSent = (path: RegExp) => [...server.sent.keys()].some((one) => path.test(one));

const press = (page: Page, selector: string, text: string) =>
  page.waitForFunction(
    (selector, text) => {
      const buttons = [...document.querySelectorAll<HTMLButtonElement>(`${selector} button`)];
      const button = buttons.find((one) => one.textContent === text && !one.disabled);
      button?.click();
      return button !== undefined;
    },
    {},
    selector,
    text,
  );

it("goes from the home page to a chapter, and searches", async () => {
  const page = await open("");
  await page.waitForSelector(".VPSwitchAppearance[title]:not([title=''])"); // the page's script has run
  await page.click(".VPHomeHero a[href$='/assembly/']");
  await page.waitForFunction(() => location.pathname.endsWith("/assembly/"));
  expect(new URL(page.url()).pathname).toBe(`${BASE}assembly/`);
  await page.waitForSelector(".vp-doc h1");
  await page.click(".DocSearch-Button");
  await page.waitForSelector(".search-input");
  await page.type(".search-input", "Winograd");
  const links = await page.waitForFunction(() => {
    const found = [...document.querySelectorAll<HTMLAnchorElement>(".VPLocalSearchBox .results a")];
    return found.length > 0 && found.map(({ href }) => new URL(href).pathname);
  });
  for (const path of (await links.jsonValue()) as string[]) expect(path).toMatch(new RegExp(`^${BASE}`));
});

it("trains in the page's worker, also when its service worker has isolated the page", async () => {
  const page = await open("docs/demos/inpainting.html");
  const threads = () => page.$eval("[data-field=threads]", (element) => Number(element.textContent));
  const step = (count: number) =>
    page.waitForFunction(
      (count) => document.querySelector("[data-field=step]")?.textContent === String(count),
      {},
      count,
    );
  await press(page, ".inpainting", "1 step");
  await step(1);
  expect(await threads()).toBe(1);
  await Promise.all([page.waitForNavigation(), press(page, ".inpainting", "Use all cores")]);
  await page.waitForFunction(() => globalThis.crossOriginIsolated);
  const scope = await page.evaluate(async () => (await navigator.serviceWorker.ready).scope);
  expect(scope).toBe(server.address);
  await press(page, ".inpainting", "1 step");
  await step(2);
  expect(await threads()).toBeGreaterThan(1);
});

it("loads the encoder of Teach it, and its pictures", async () => {
  const page = await open("docs/demos/teach.html");
  const says = (text: string) =>
    page.waitForFunction((text) => document.querySelector(".teach-status")?.textContent?.includes(text), {}, text);
  await says("The encoder is loaded");
  await press(page, ".teach", "Try it with CIFAR-10 pictures");
  await says("images of CIFAR-10");
  expect(wasSent(/\.safetensors$/)).toBe(true);
});

it("runs a ladder", async () => {
  const page = await open("docs/demos/ladder.html");
  await page.waitForSelector("[data-widget=ladder][data-mounted]");
  await press(page, "[data-widget=ladder]", "Run");
  await page.waitForSelector("[data-widget=ladder] li[data-rung]");
  await press(page, "[data-widget=ladder]", "Stop");
  expect(wasSent(/ladder[^/]*\.wasm$/)).toBe(true);
});

it("runs a program that reads pictures in the playground", async () => {
  const page = await open("docs/playground.html");
  const state = (wanted: string) => page.waitForSelector(`.playground[data-state=${wanted}]`, { timeout: 120_000 });
  await state("ready");
  await page.select(".playground select", "examples/09_images.ts");
  await state("ready");
  await press(page, ".playground", "Run");
  await state("done");
  expect(await page.$$(".playground-error")).toHaveLength(0);
  expect(wasSent(/\/assets\/[^/]+\.png$/)).toBe(true);
});

it("draws every drawing", async () => {
  const page = await open("docs/demos/widgets.html");
  await page.evaluate(async () => {
    for (const widget of document.querySelectorAll<HTMLElement>(".widget")) {
      widget.scrollIntoView();
      while (widget.dataset.mounted === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  expect(await page.$$eval(".widget-wait", (waiting) => waiting.length)).toBe(0);
});
