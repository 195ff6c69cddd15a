/**
 * Measures the inpainting demo of the built site, in each browser, cold and once: when it shows its first result,
 * what it loads before that, and how long its main thread is blocked. usage: tsx test/site/inpainting_figures.ts
 */
import { existsSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { browsers, openBrowser, serveSite } from "./site.ts";

/** What the page notes about itself, from its first moment on. */
interface Notes {
  /** Milliseconds after the start of the navigation. */
  firstResult: number;
  /** Longest time between two tasks that follow each other at once, in milliseconds. */
  gap: number;
  /** Longest task that the browser reports (Chromium only), in milliseconds. */
  task: number;
}

function takeNotes(): void {
  const notes = { firstResult: 0, gap: 0, task: 0 };
  (globalThis as unknown as { notes: Notes }).notes = notes;
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".inpainting .grid button")) return;
    notes.firstResult = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
  const { port1, port2 } = new MessageChannel();
  let last = performance.now();
  port1.onmessage = () => {
    notes.gap = Math.max(notes.gap, performance.now() - last);
    last = performance.now();
    port2.postMessage(0);
  };
  port2.postMessage(0);
  if (!PerformanceObserver.supportedEntryTypes.includes("longtask")) return;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) notes.task = Math.max(notes.task, duration);
  }).observe({ type: "longtask", buffered: true });
}

function compressed(path: string): number {
  const bytes = readFileSync(`build/site${path}`);
  return path.endsWith(".woff2") ? bytes.length : gzipSync(bytes, { level: 9 }).length;
}

for (const kind of browsers) {
  for (const isolated of [false, true]) {
    await using server = await serveSite({ isolated });
    const browser = await openBrowser(kind);
    try {
      const page = await browser.newPage();
      await page.evaluateOnNewDocument(takeNotes);
      await page.goto(`${server.address}docs/demos/inpainting.html`, { waitUntil: "load" });
      await page.waitForFunction(() => document.querySelector(".fingerprint")?.textContent !== "");
      const paths = [...server.sent.keys()].filter((path) => !path.endsWith(".png") && existsSync(`build/site${path}`));
      const bytes = paths.reduce((sum, path) => sum + compressed(path), 0);
      const notesOf = () =>
        page.evaluate(() => {
          const { notes } = globalThis as unknown as { notes: Notes };
          const seen = { ...notes };
          notes.gap = notes.task = 0;
          return seen;
        });
      const loading = await notesOf();
      await page.evaluate(() => document.querySelector<HTMLButtonElement>(".inpainting .primary")?.click());
      const isFar = () => Number(document.querySelector<HTMLElement>("[data-field=step]")?.dataset.step) >= 600;
      await page.waitForFunction(isFar, { timeout: 200_000 });
      const speed = await page.$eval("[data-field=speed]", (element) => element.textContent);
      const training = await notesOf();
      const rounded = ({ gap, task }: Notes) =>
        `${Math.round(gap)} ms between tasks${task > 0 ? `, longest task ${Math.round(task)} ms` : ""}`;
      console.log(
        `${kind}, isolated ${isolated}: first result after ${Math.round(loading.firstResult)} ms; ` +
          `${Math.round(bytes / 1024)} KB compressed without images; blocked while it loads: ${rounded(loading)}; ` +
          `over 600 steps: ${rounded(training)}; ${speed} images/s`,
      );
    } finally {
      await browser.close();
    }
  }
}
