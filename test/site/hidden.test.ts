/** Training continues while its tab is hidden, where browsers run timers about once a second. */
import type { Page } from "puppeteer-core";
import { describe, expect, it } from "vitest";
import { CIFAR10 } from "wasmgrad/vision";
import { InpaintingProgram } from "../../docs/widgets/inpainting/program.ts";
import { browsers, openBrowser, openPage, serveSite } from "./site.ts";

/** The whole library in one file. */
type Library = typeof import("wasmgrad") & {
  data: typeof import("wasmgrad/data");
  train: typeof import("wasmgrad/train");
};

/** Puts another tab in front of a page. */
async function hide(page: Page): Promise<void> {
  const other = await page.browser().newPage();
  await other.bringToFront();
  await page.waitForFunction(() => document.hidden, { polling: 100 });
}

describe.each(browsers)("%s", (kind) => {
  it("the demo trains 200 steps to Node's weights", async () => {
    const node = new InpaintingProgram(await CIFAR10.sample(), await CIFAR10.sample({ train: false }), "squares");
    await node.run(200);
    const browser = await openBrowser(kind, [], { throttle: true });
    await using server = await serveSite();
    try {
      const { page, errors } = await openPage(browser, `${server.address}docs/demos/inpainting.html`);
      const fingerprint = async () => (await page.$eval(".fingerprint", ({ textContent }) => textContent))?.slice(-64);
      await page.waitForFunction(
        () =>
          document.querySelector(".inpainting .primary:enabled") && document.querySelector(".fingerprint")?.textContent,
        { polling: 100 }, // a page that is not drawn yet runs no animation frames
      );
      const first = await fingerprint();
      await hide(page);
      await page.$$eval(".inpainting button", (all) =>
        all.find(({ textContent }) => textContent === "200 steps")?.click(),
      );
      await page.waitForFunction(
        (first) => {
          const text = document.querySelector(".fingerprint")?.textContent;
          return text && !text.endsWith(first);
        },
        { polling: 100, timeout: 100_000 },
        first ?? "",
      );
      expect(await page.evaluate(() => document.hidden)).toBe(true);
      expect(await fingerprint()).toBe(await node.fingerprint());
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it("a Trainer on the page's own thread does more steps than timers run", async () => {
    const browser = await openBrowser(kind, [], { throttle: true });
    await using server = await serveSite({ folder: "dist" });
    try {
      const { page } = await openPage(browser, `${server.address}wasmgrad.min.js`);
      const content = 'import * as library from "/wasmgrad.min.js"; globalThis.library = library;';
      await page.addScriptTag({ type: "module", content });
      await page.waitForFunction(() => "library" in globalThis, { polling: 100 });
      await hide(page);
      const { losses, timers, hidden } = await page.evaluate(async () => {
        const { library } = globalThis as unknown as { library: Library };
        const { data, manualSeed, nn, optim, randn, train } = library;
        manualSeed(0);
        const [x, y] = [randn([1024, 256]), randn([1024, 64])];
        const model = new nn.Sequential(new nn.Linear(256, 512), new nn.ReLU(), new nn.Linear(512, 64));
        const losses: number[] = [];
        let timers = 0;
        const timer = setInterval(() => timers++);
        const trainer = new train.Trainer({
          model,
          loader: new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 256 }),
          optimizer: new optim.Adam(model.parameters()),
          loss: ([x, y]) => nn.functional.mseLoss(model.forward(x), y),
          epochs: 50,
          callbacks: [{ onStep: (_, { loss }) => losses.push(loss) }],
        });
        await trainer.fit();
        clearInterval(timer);
        return { losses, timers, hidden: document.hidden };
      });
      expect(hidden).toBe(true);
      expect(losses).toHaveLength(200);
      expect(losses.at(-1)).toBeLessThan(losses[0]);
      expect(timers).toBeLessThan(losses.length);
    } finally {
      await browser.close();
    }
  });
});
