import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BrowserKind, browsers, openBrowser, openPage, type SiteServer, serveSite, sitePages } from "./site.ts";

const PAGES = sitePages();

let server: SiteServer;
beforeAll(async () => {
  server = await serveSite();
});
afterAll(() => server[Symbol.asyncDispose]());

describe.each(browsers)("%s", (kind: BrowserKind) => {
  it("opens every page without an error or a request to another host", async () => {
    const browser = await openBrowser(kind);
    try {
      for (const file of PAGES) {
        const { page, errors, elsewhere } = await openPage(browser, server.address + file);
        expect(errors, file).toEqual([]);
        expect(elsewhere, file).toEqual([]);
        await page.waitForSelector(".VPSwitchAppearance[title]:not([title=''])"); // the page's script has run
        const facts = await page.evaluate(() => ({
          title: document.title,
          language: document.documentElement.lang,
          headings: document.querySelectorAll("h1").length,
          bare: [...document.images].filter((image) => !image.hasAttribute("alt")).map((image) => image.src),
          nameless: [...document.querySelectorAll("button, a[href], input, select")]
            .filter((element) => !element.textContent?.trim())
            .filter((element) => !element.getAttribute("aria-label") && !element.getAttribute("title"))
            .filter((element) => !element.querySelector("img[alt], svg[aria-label]") && !element.closest("label"))
            .filter((element) => (element as HTMLElement).offsetParent !== null)
            .map((element) => element.outerHTML.slice(0, 120)),
        }));
        expect(facts.title.length, file).toBeGreaterThan(5);
        expect(facts, file).toMatchObject({ language: "en-US", headings: 1, bare: [], nameless: [] });
        await page.close();
      }
    } finally {
      await browser.close();
    }
  });
});
