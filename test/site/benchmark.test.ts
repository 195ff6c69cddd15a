/** The visitor's own benchmark: its results are checked and measured on the page, and it can be stopped. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../support/source.ts";
import { browsers, openBrowser, openPage, type SiteServer, serveSite } from "./site.ts";

let server: SiteServer;
beforeAll(async () => {
  server = await serveSite();
});
afterAll(() => server[Symbol.asyncDispose]());

it.each(browsers)("measures each case beside the recorded results, in %s", async (kind) => {
  const browser = await openBrowser(kind);
  try {
    const { page, errors } = await openPage(browser, `${server.address}docs/demos/benchmark.html`);
    await page.waitForSelector(".benchmark button");
    await page.click(".benchmark button.primary");
    await page.waitForSelector('.benchmark[data-state="ended"]', { timeout: 200_000 });
    const status = await page.$eval(".benchmark [role=status]", ({ textContent }) => textContent);
    expect(status).toBe("Medians of 8 rounds.");
    const rows = await page.$$eval(".benchmark tbody tr", (all) =>
      all.map((row) => [...row.children].map(({ textContent }) => textContent ?? "")),
    );
    expect(rows.map(([name]) => name)).toHaveLength(11);
    for (const [name, ms, , ...recorded] of rows) {
      expect(Number(ms), name).toBeGreaterThan(0);
      for (const cell of recorded) expect(cell, name).toMatch(/^[\d.]+ \(here [\d.]+ x as fast\)$/);
    }
    const { rows: steps } = JSON.parse(readFileSync(join(root, "bench/results/step.json"), "utf8"));
    expect(Number.parseFloat(rows[0][3])).toBeCloseTo(steps[0].ms, 1);

    await page.click(".benchmark button.primary");
    await page.waitForSelector('.benchmark[data-state="running"]');
    await page.click(".benchmark button:not(.primary)");
    await page.waitForSelector('.benchmark[data-state="ended"]');
    expect(await page.$eval(".benchmark [role=status]", ({ textContent }) => textContent)).toBe("Stopped.");
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});
