/**
 * Measures the inpainting demo of the built site, in each browser, cold and once: when it shows its first
 * result, what it loads before that, how long its main thread is blocked, and its speed in a hidden tab.
 *
 * usage: tsx test/site/inpainting_figures.ts
 */
import { existsSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Page } from "puppeteer-core";
import { type BrowserKind, browsers, openBrowser, serveSite } from "./site.ts";

const STEPS = 600;
const TURN_MS = 3000;
const TURNS = 3;
const MARK = "the measured page";

/** What the page notes about itself, from its first moment on, in milliseconds. */
interface Notes {
  /** After the start of the navigation. */
  firstResult: number;
  /**
   * Longest time between two tasks that follow each other at once. They are timers, 4 ms or more apart.
   * Firefox keeps timers waiting while a page loads; there they are messages until the first result.
   */
  gap: number;
}

function takeNotes(kind: BrowserKind): void {
  const notes = { firstResult: 0, gap: 0 };
  (globalThis as unknown as { notes: Notes }).notes = notes;
  let last = 0; // until the page has its first elements
  const probe = {
    tick() {
      const now = performance.now();
      if (last > 0) notes.gap = Math.max(notes.gap, now - last);
      last = now;
    },
  };
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    probe.tick();
    if (notes.firstResult === 0) port2.postMessage(undefined);
    else setInterval(() => probe.tick());
  };
  new MutationObserver((_, observer) => {
    if (last === 0) {
      probe.tick();
      if (kind === "firefox") port2.postMessage(undefined);
      else setInterval(() => probe.tick());
    }
    if (!document.querySelector(".inpainting .grid button")) return;
    notes.firstResult = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
}

function readNotes(page: Page): Promise<Notes> {
  return page.evaluate(() => {
    const { notes } = globalThis as unknown as { notes: Notes };
    const seen = { ...notes };
    notes.gap = 0;
    return seen;
  });
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Time on the processor, in microseconds: other programs of a busy machine do not count. */
  tdur?: number;
}

/** The longest task of the main thread in `action`, in milliseconds on the processor. Chromium only. */
async function longestTask(kind: BrowserKind, page: Page, action: () => Promise<void>): Promise<string> {
  if (kind !== "chrome") {
    await action();
    return "";
  }
  await page.tracing.start({ categories: ["toplevel", "blink.user_timing"] });
  await action();
  await page.evaluate((name) => performance.mark(name), MARK);
  const bytes = await page.tracing.stop();
  const events: TraceEvent[] = JSON.parse(new TextDecoder().decode(bytes)).traceEvents;
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  // the browser's own pages, such as that of new tabs, have separate main threads
  const main = threadOf(events.find(({ name }) => name === MARK)!);
  const tasks = events.filter((event) => event.name.endsWith("RunTask") && threadOf(event) === main);
  const longest = tasks.reduce((most, { tdur = 0 }) => Math.max(most, tdur), 0);
  return `, longest task ${(longest / 1000).toFixed(1)} ms on the processor`;
}

function compressed(path: string): number {
  const bytes = readFileSync(`build/site${path}`);
  return path.endsWith(".woff2") ? bytes.length : gzipSync(bytes, { level: 9 }).length;
}

async function train(page: Page): Promise<void> {
  await page.evaluate(() => document.querySelector<HTMLButtonElement>(".inpainting .primary")?.click());
  await page.waitForFunction(
    (steps) => Number(document.querySelector<HTMLElement>("[data-field=step]")?.dataset.step) >= steps,
    { timeout: 200_000 },
    STEPS,
  );
}

const stepOf = (page: Page) =>
  page.$eval("[data-field=step]", (element) => Number((element as HTMLElement).dataset.step));

/** Steps per second, over some seconds in which the page is in front or hidden. */
async function stepsPerSecond(page: Page, other: Page, hidden: boolean): Promise<number> {
  await (hidden ? other : page).bringToFront();
  await page.waitForFunction((hidden) => document.hidden === hidden, { polling: 100 }, hidden);
  const [first, start] = [await stepOf(page), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  return ((await stepOf(page)) - first) / ((performance.now() - start) / 1000);
}

/** Alternately, since other programs of the machine change the speed. */
async function compareTabs(page: Page): Promise<string> {
  const other = await page.browser().newPage();
  await page.$eval(".inpainting .primary", (start) => (start as HTMLButtonElement).click());
  const rates: Record<string, number[]> = { visible: [], hidden: [] };
  for (let turn = 0; turn < TURNS; turn++)
    for (const name of ["visible", "hidden"]) rates[name].push(await stepsPerSecond(page, other, name === "hidden"));
  const median = (list: number[]) => Math.round(list.sort((a, b) => a - b)[Math.floor(list.length / 2)]);
  return `${median(rates.visible)} steps/s in a visible tab, ${median(rates.hidden)} in a hidden one`;
}

for (const kind of browsers) {
  for (const isolated of [false, true]) {
    await using server = await serveSite({ isolated });
    const browser = await openBrowser(kind, [], { throttle: true });
    try {
      const page = await browser.newPage();
      await page.evaluateOnNewDocument(takeNotes, kind);
      const loadTask = await longestTask(kind, page, async () => {
        await page.goto(`${server.address}docs/demos/inpainting.html`, { waitUntil: "load" });
        await page.waitForFunction(() => {
          const start = document.querySelector<HTMLButtonElement>(".inpainting .primary");
          return start?.disabled === false && document.querySelector(".fingerprint")?.textContent;
        });
      });
      const paths = [...server.sent.keys()].filter((path) => !path.endsWith(".png") && existsSync(`build/site${path}`));
      const bytes = paths.reduce((sum, path) => sum + compressed(path), 0);
      const { firstResult, gap } = await readNotes(page);
      const trainTask = await longestTask(kind, page, () => train(page));
      const training = await readNotes(page);
      const speed = await page.$eval("[data-field=speed]", (element) => element.textContent);
      await page.$eval(".inpainting .primary", (pause) => (pause as HTMLButtonElement).click());
      await page.waitForFunction(() => document.querySelector(".status")?.textContent?.startsWith("Paused"));
      const tabs = await compareTabs(page);
      console.log(`${kind}, ${isolated ? "isolated" : "not isolated"}:
  first result after ${Math.round(firstResult)} ms, ${Math.round(bytes / 1024)} KB compressed, without images
  while it loads: ${Math.round(gap)} ms between tasks${loadTask}
  over ${STEPS} steps: ${Math.round(training.gap)} ms between tasks${trainTask}; ${speed} images/s
  ${tabs}`);
    } finally {
      await browser.close();
    }
  }
}
