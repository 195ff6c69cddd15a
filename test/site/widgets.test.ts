/** The drawings of the site: what they show, against numbers computed here, in each browser. */
import type { ElementHandle, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import recorded from "../../bench/results/ladder.json" with { type: "json" };
import { type BrowserKind, browsers, openBrowser, openPage, type SiteServer, serveSite } from "./site.ts";

let server: SiteServer;
beforeAll(async () => {
  server = await serveSite();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A widget of a page, mounted. */
class Shown {
  readonly root: ElementHandle<HTMLElement>;

  constructor(root: ElementHandle<HTMLElement>) {
    this.root = root;
  }

  /** The numbers of the grid whose label begins with `label`, row after row. */
  grid(label: string): Promise<(number | string)[]> {
    return this.root.evaluate((root, name) => {
      const grid = root.querySelector(`.numbers[aria-label^="${name}"]`)!;
      const texts = [...grid.children].map((cell) =>
        cell instanceof HTMLInputElement ? cell.value : cell.textContent!,
      );
      return texts.map((text) => {
        const value = Number(text.replace("−", "-"));
        return text === "" || Number.isNaN(value) ? text : value;
      });
    }, label);
  }

  /** The positions of the cells of a grid that have a class. */
  marked(label: string, mark: string): Promise<number[]> {
    return this.root.evaluate(
      (root, name, className) => {
        const cells = [...root.querySelector(`.numbers[aria-label^="${name}"]`)!.children];
        return cells.flatMap((cell, i) => (cell.classList.contains(className) ? [i] : []));
      },
      label,
      mark,
    );
  }

  text(selector: string): Promise<string> {
    return this.root.$eval(selector, (element) => element.textContent!);
  }

  /** Moves a slider, given its name. */
  slide(name: string, value: number): Promise<void> {
    return this.root.evaluate(
      (root, wanted, to) => {
        const labels = [...root.querySelectorAll<HTMLLabelElement>("label.slider")];
        const input = labels.find((label) => label.innerText.trim().startsWith(wanted))!.querySelector("input")!;
        input.value = String(to);
        input.dispatchEvent(new Event("input"));
      },
      name,
      value,
    );
  }

  /** Goes to a step of the player, counted from 0. */
  go(step: number): Promise<void> {
    return this.root.$eval(
      '.player input[type="range"]',
      (input, to) => {
        (input as HTMLInputElement).value = String(to);
        input.dispatchEvent(new Event("input"));
      },
      step,
    );
  }

  choose(value: string): Promise<string[]> {
    return this.root.$("select").then((select) => select!.select(value));
  }
}

async function widgetOf(page: Page, name: string): Promise<Shown> {
  const selector = `[data-widget="${name}"]`;
  await page.waitForSelector(selector);
  await page.$eval(selector, (element) => element.scrollIntoView());
  await page.waitForSelector(`${selector}[data-mounted]`, { timeout: 60_000 });
  return new Shown((await page.$(selector)) as ElementHandle<HTMLElement>);
}

/** Presses "Run", and waits for the end. */
async function runLadder(page: Page, widget: ElementHandle<HTMLElement>): Promise<void> {
  await widget.$eval("button", (button) => button.click());
  const ended = (element: HTMLElement) => element.querySelector("button")!.textContent === "Run";
  await page.waitForFunction(ended, { timeout: 240_000, polling: 200 }, widget);
}

/** The rows of numbers that a grid of `columns` shows. */
function rowsOf(values: readonly (number | string)[], columns: number): number[][] {
  return Array.from({ length: values.length / columns }, (_, row) =>
    values.slice(row * columns, (row + 1) * columns).map(Number),
  );
}

/** The definition. */
function convolution(x: number[][], w: number[][], { stride = 1, dilation = 1 } = {}): number[] {
  const reach = dilation * (w.length - 1);
  const size = Math.floor((x.length - 1 - reach) / stride) + 1;
  return Array.from({ length: size * size }, (_, i) => {
    const [top, left] = [Math.floor(i / size) * stride, (i % size) * stride];
    return w
      .flatMap((row, y) => row.map((tap, dx) => tap * x[top + y * dilation][left + dx * dilation]))
      .reduce((a, b) => a + b);
  });
}

describe.each(browsers)("%s", (kind: BrowserKind) => {
  it("draws what the library computes, without an error in the console", async () => {
    const browser = await openBrowser(kind);
    try {
      const { page, errors } = await openPage(browser, `${server.address}docs/demos/widgets.html`);

      const conv = await widgetOf(page, "convolution");
      const kernel = rowsOf(await conv.grid("Kernel"), 3);
      expect(await conv.grid("Output")).toEqual(convolution(rowsOf(await conv.grid("Image"), 6), kernel));
      const buttons = await conv.root.$$(".numbers button");
      await buttons[5].hover();
      expect(await conv.marked("Image", "hit")).toEqual([7, 8, 9, 13, 14, 15, 19, 20, 21]);
      const before = (await conv.grid("Output"))[5];
      expect(await conv.text(".sum")).toContain(`= ${String(before).replace("-", "−")}`);
      await page.mouse.move(0, 0); // or the cells that scroll below it are picked
      await buttons[5].focus();
      await page.keyboard.press("ArrowRight");
      expect(await conv.marked("Image", "hit")).toEqual([8, 9, 10, 14, 15, 16, 20, 21, 22]);
      const first = (await conv.root.$('.numbers[aria-label^="Image"] input'))!;
      await first.click({ count: 3 });
      await page.keyboard.type("-20.5");
      expect((await conv.grid("Output"))[0]).toBe(convolution(rowsOf(await conv.grid("Image"), 6), kernel)[0]);
      for (const [name, value] of [
        ["size", 8],
        ["padding", 1],
        ["stride", 2],
        ["dilation", 2],
      ] as const)
        await conv.slide(name, value);
      const image = rowsOf(await conv.grid("Image"), 10);
      expect(await conv.grid("Output")).toEqual(convolution(image, kernel, { stride: 2, dilation: 2 }));
      expect(await conv.grid("Output")).toHaveLength(9); // (8 + 2 - 5) / 2 rounded down, + 1 = 3

      await conv.go(0);
      await conv.root.$eval(".player button", (button) => (button as HTMLElement).click());
      await page.waitForFunction((root) => root.innerText.includes("2 of 9"), {}, conv.root);
      await conv.root.$eval(".player button", (button) => (button as HTMLElement).click());

      const transposed = await widgetOf(page, "transposed-convolution");
      // along one axis, three kernels of 3 with stride 2 overlap at 2 and 4
      const line = [1, 1, 2, 1, 2, 1, 1];
      expect(await transposed.grid("Output")).toEqual(line.flatMap((y) => line.map((x) => y * x)));
      expect(await transposed.marked("Output", "many")).toEqual([16, 18, 30, 32]);

      const columns = await widgetOf(page, "im2col");
      const matrix = rowsOf(await columns.grid("Matrix"), 9);
      const pixels = rowsOf(await columns.grid("Image"), 5);
      expect(matrix).toEqual(
        matrix.map((_, tap) =>
          Array.from({ length: 9 }, (_, p) => pixels[Math.floor(p / 3) + Math.floor(tap / 3)][(p % 3) + (tap % 3)]),
        ),
      );
      expect(await columns.text(".note")).toContain("3.2 times");

      const implicit = await widgetOf(page, "implicit-gemm");
      await page.waitForSelector('[data-widget="implicit-gemm"][data-ready]');
      // panel 1, tap [1][1]: output pixels 8 to 15 of 6 per row, in rows of 8 numbers
      await implicit.go(9 + 4);
      const centres = Array.from({ length: 8 }, (_, i) => (Math.floor((8 + i) / 6) + 1) * 8 + ((8 + i) % 6) + 1);
      expect((await implicit.grid("Panel")).slice(32, 40)).toEqual(centres);
      expect(await implicit.marked("Padded image", "hit")).toEqual(centres);

      const packing = await widgetOf(page, "packing");
      await page.waitForSelector('[data-widget="packing"][data-ready]');
      await packing.go(9);
      expect(await packing.text(".sum")).toContain("a12: panel 0, k = 2, row 1");
      await packing.choose("B, in panels of 8 columns");
      await packing.go(32 + 9); // the second panel, its second row
      expect(await packing.text(".sum")).toContain("b19: panel 1, k = 1, column 1");

      const pooling = await widgetOf(page, "pooling");
      const x = (await pooling.grid("Image")).map(Number);
      const dx = Array(36).fill(0);
      const largest = Array.from({ length: 9 }, (_, i) => {
        const window = [0, 1, 6, 7].map((at) => 12 * Math.floor(i / 3) + 2 * (i % 3) + at);
        const winner = window.reduce((best, at) => (x[at] > x[best] ? at : best));
        dx[winner] += i + 1;
        return x[winner];
      });
      expect(await pooling.grid("Output")).toEqual(largest);
      expect(await pooling.grid("Gradient of x")).toEqual(dx);

      const winograd = await widgetOf(page, "winograd");
      expect(await winograd.grid("The library")).toEqual([28, 46]);
      for (const [name, text] of [
        ["F(2x2,3x3)", "16 multiplications ⊙ instead of 36"],
        ["F(4x4,3x3)", "36 multiplications ⊙ instead of 144"],
      ]) {
        await winograd.choose(name);
        expect(await winograd.text(".sum")).toContain(text);
        const patch = await winograd.grid("Patch");
        const direct = convolution(rowsOf(patch, Math.sqrt(patch.length)), rowsOf(await winograd.grid("Kernel"), 3));
        expect(await winograd.grid("The library")).toEqual(direct);
        const byTile = await winograd.root.$$eval("figure", (figures) =>
          [...figures.find((figure) => figure.innerText.startsWith("Y ="))!.querySelectorAll(".cell")].map((cell) =>
            Number(cell.textContent!.replace("−", "-")),
          ),
        );
        for (const [i, value] of byTile.entries()) expect(value).toBeCloseTo(direct[i], 2);
      }
      const tiles = await widgetOf(page, "winograd-2d");
      expect(await tiles.text(".note:last-child")).toMatch(/conv2d: (0|\de-\d)/);

      const sums = await widgetOf(page, "float-sums");
      await sums.choose("0.1, again and again");
      await page.waitForSelector('[data-terms^="0.1"]');
      await sums.slide("terms", 20);
      let naive = 0;
      for (let i = 0; i < 2 ** 20; i++) naive = Math.fround(naive + Math.fround(0.1));
      const error = Math.abs(naive / (2 ** 20 * Math.fround(0.1)) - 1);
      expect(await sums.text("tbody tr:nth-child(1) td:nth-child(2)")).toBe(error.toExponential(1));
      expect(await sums.text("tbody tr:nth-child(5)")).toContain("wasmgrad, x.sum()07.20.0");

      const lanes = await widgetOf(page, "simd-lanes");
      expect(await lanes.text(".note")).toContain("16 additions of vectors take 64 cycles: 1.0 floats per cycle");
      await lanes.slide("accumulators", 4);
      // 15 more starts, and the last addition takes 4
      expect(await lanes.text(".note")).toContain("take 19 cycles: 3.4 floats per cycle");

      const registers = await widgetOf(page, "register-tiles");
      // 6 loads for 8 products
      expect(await registers.text(".sum")).toContain("All values fit. Loads per product: 0.75");
      await registers.slide("rows", 5);
      expect(await registers.text(".sum")).toContain("3 values do not fit"); // 10 + 2 + 5 + 1 of 15
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it("runs every rung of every ladder, and its check passes", { timeout: 900_000 }, async () => {
    const browser = await openBrowser(kind);
    try {
      const { page, errors } = await openPage(browser, `${server.address}docs/demos/ladder.html`);
      const ops = [...new Set(recorded.rows.map(({ op }) => op))];
      await page.waitForSelector("[data-widget=ladder]");
      const widgets = await page.$$("[data-widget=ladder]");
      expect(widgets).toHaveLength(ops.length);
      for (const [i, op] of ops.entries()) {
        const widget = widgets[i] as ElementHandle<HTMLElement>;
        await widget.evaluate((element) => element.scrollIntoView());
        await page.waitForFunction((element) => element.dataset.mounted, {}, widget);
        const rows = recorded.rows.filter((row) => row.op === op);
        const { layer } = rows.at(-1)!; // "odd", the smallest
        const [layers, passes] = await widget.$$("select");
        await layers.select(layer);
        for (const pass of new Set(rows.map((row) => row.pass))) {
          await passes.select(pass);
          const expected = rows.filter((row) => row.layer === layer && row.pass === pass);
          await runLadder(page, widget);
          const where = `${op} ${layer} ${pass}`;
          const status = await widget.$eval("[role=status]", (element) => element.textContent);
          expect(status, where).toContain(`${expected.length} rungs checked and timed`);
          const checks = await widget.$$eval(".checks li", (items) => items.map((item) => item.textContent!));
          expect(checks, where).toHaveLength(expected.length);
          for (const check of checks) expect(Number(/error (\S+) against/.exec(check)![1]), where).toBeLessThan(1e-5);
          const rates = await widget.$$eval("tbody tr", (lines) =>
            lines.map((row) => Number(row.children[1].textContent)),
          );
          expect(
            rates.every((rate) => rate > 0 && Number.isFinite(rate)),
            where,
          ).toBe(true);
          expect(await widget.$$("svg rect"), where).toHaveLength(expected.length);
        }
      }
      // a run can be stopped
      await widgets[0].$eval("button", (button) => button.click());
      await widgets[0].$eval("button", (button) => button.click());
      expect(await widgets[0].$eval("[role=status]", (status) => status.textContent)).toBe("Stopped.");
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
