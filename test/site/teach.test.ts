/** The demo "teach it", in real browsers: it learns, saves and loads, and gives Node's bits. */
import { readFileSync } from "node:fs";
import { decode, encode } from "fast-png";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Classroom, type Picture } from "../../docs/widgets/teach/classroom.ts";
import { SAMPLE_CLASSES, SAMPLE_IMAGES } from "../../docs/widgets/teach/sample.ts";
import { type BrowserKind, browsers, openBrowser, openPage, type SiteServer, serveSite } from "./site.ts";

let server: SiteServer;
beforeAll(async () => {
  server = await serveSite();
});
afterAll(() => server[Symbol.asyncDispose]());

const SIDE = 32;

/** The sample's pictures, as the page gives them to its worker. */
function samplePictures(): Picture[] {
  const { width, data } = decode(readFileSync("docs/widgets/teach/pictures.png"));
  return SAMPLE_CLASSES.flatMap((_, label) =>
    Array.from({ length: SAMPLE_IMAGES }, (_, column) => {
      const bytes = new Uint8ClampedArray(SIDE * SIDE * 4).fill(255);
      for (let i = 0; i < SIDE * SIDE; i++) {
        const [x, y] = [column * SIDE + (i % SIDE), label * SIDE + Math.floor(i / SIDE)];
        for (let c = 0; c < 3; c++) bytes[4 * i + c] = data[3 * (y * width + x) + c];
      }
      return { bytes, label, heldOut: column % 2 === 1 };
    }),
  );
}

/** A PNG file of one picture. */
function pngOf({ bytes }: Picture): { name: string; type: string; base64: string } {
  const data = bytes.filter((_, i) => i % 4 !== 3);
  const png = encode({ width: SIDE, height: SIDE, channels: 3, depth: 8, data: new Uint8Array(data) });
  return { name: "picture.png", type: "image/png", base64: Buffer.from(png).toString("base64") };
}

/** Drops files on an element. */
function drop(page: Page, selector: string, files: { name: string; type: string; base64: string }[]): Promise<void> {
  return page.$eval(
    selector,
    (element, files) => {
      const dataTransfer = new DataTransfer();
      for (const { name, type, base64 } of files) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        dataTransfer.items.add(new File([bytes], name, { type }));
      }
      element.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    files,
  );
}

async function openDemo(browser: Browser): Promise<{ page: Page; errors: string[] }> {
  const opened = await openPage(browser, `${server.address}docs/demos/teach.html`);
  // a download's bytes, and files for the next dialogue
  await opened.page.evaluate(() => {
    const scope = globalThis as unknown as { saved: Blob[]; given: File[] };
    scope.saved = [];
    const create = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      scope.saved.push(blob as Blob);
      return create.call(URL, blob);
    };
    HTMLInputElement.prototype.click = function () {
      if (this.type !== "file") return;
      const transfer = new DataTransfer();
      for (const file of scope.given) transfer.items.add(file);
      this.files = transfer.files;
      this.dispatchEvent(new Event("change"));
    };
  });
  await says(opened.page, /^The encoder is loaded/);
  return opened;
}

/** Waits for a sentence of the page. */
async function says(page: Page, what: RegExp): Promise<string> {
  const handle = await page.waitForFunction(
    (source) => {
      const text = document.querySelector(".teach-status")?.textContent ?? "";
      return new RegExp(source).test(text) && text;
    },
    { timeout: 120_000 },
    what.source,
  );
  return (await handle.jsonValue()) as string;
}

async function press(page: Page, text: string): Promise<void> {
  const done = await page.evaluate((text) => {
    const buttons = [...document.querySelectorAll<HTMLButtonElement>(".teach button")];
    const button = buttons.find((one) => one.textContent === text && !one.disabled);
    button?.click();
    return button !== undefined;
  }, text);
  expect(done, `a button "${text}" that can be pressed`).toBe(true);
}

/** Trains and returns the share of the held-out pictures that are classified correctly. */
async function train(page: Page, encoder: "pretrained" | "untrained", lastStage = false): Promise<number> {
  await page.evaluate(
    (encoder, lastStage) => {
      document.querySelector<HTMLInputElement>(`.teach input[value="${encoder}"]`)!.checked = true;
      document.querySelector<HTMLInputElement>('.teach input[name="teach-fine-tune"]')!.checked = lastStage;
      document.querySelector(".teach-status")!.textContent = "";
    },
    encoder,
    lastStage,
  );
  await press(page, "Train");
  const text = await says(page, /^Trained/);
  expect(text).toContain(`Trained (${encoder}${lastStage ? ", last stage too" : ""})`);
  await page.waitForSelector(".teach-main:enabled");
  return Number(/(\d+) %/.exec(text)![1]) / 100;
}

describe.each(browsers)("%s", (kind: BrowserKind) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser(
      kind,
      kind === "chrome" ? ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] : [],
    );
  });
  afterAll(() => browser?.close());

  it("learns the sample better than with an untrained encoder, and saves Node's bits", async () => {
    const { page, errors } = await openDemo(browser);
    await press(page, "Try it with CIFAR-10 pictures");
    await says(page, /images of CIFAR-10/);
    const untrained = await train(page, "untrained");
    const pretrained = await train(page, "pretrained");
    const tuned = await train(page, "pretrained", true);
    expect(pretrained).toBeGreaterThan(0.75);
    expect(tuned).toBeGreaterThan(0.78);
    expect(pretrained).toBeGreaterThan(untrained + 0.05);
    const rows = await page.$$eval(".teach-runs tbody tr", (list) => list.length);
    expect(rows).toBe(3);
    const counts = await page.$$eval(".teach-confusion td", (cells) => cells.map((cell) => Number(cell.textContent)));
    expect(counts.reduce((a, b) => a + b)).toBe((SAMPLE_CLASSES.length * SAMPLE_IMAGES) / 2);

    await press(page, "Save what it learnt");
    await page.waitForFunction(() => (globalThis as unknown as { saved: Blob[] }).saved.length > 0);
    const saved = await page.evaluate(async () => {
      const [blob] = (globalThis as unknown as { saved: Blob[] }).saved;
      return [...new Uint8Array(await blob.arrayBuffer())];
    });
    const room = new Classroom(readFileSync("docs/widgets/teach/encoder.safetensors"));
    await room.learn(samplePictures(), SAMPLE_CLASSES.length, { pretrained: true, fineTune: true }, () => {});
    const topics = await page.$$eval(".teach-class", (cards) =>
      cards.map((card) => ({
        name: card.querySelector<HTMLInputElement>("input[type=text]")!.value,
        color: card.querySelector<HTMLInputElement>("input[type=color]")!.value,
      })),
    );
    expect(topics.map(({ name }) => name)).toEqual([...SAMPLE_CLASSES]);
    expect(Buffer.from(saved).equals(Buffer.from(room.save(topics)!))).toBe(true);

    await press(page, "A held-out picture");
    await says(page, /^A held-out picture of/);
    const before = await page.$eval(".teach-bars", (list) => list.textContent);
    await press(page, "Reset");
    await says(page, /are gone/);
    await page.evaluate((bytes) => {
      (globalThis as unknown as { given: File[] }).given = [new File([Uint8Array.from(bytes)], "taught.safetensors")];
    }, saved);
    await press(page, "Load");
    await says(page, /^Loaded a classifier of automobile, horse, ship/);
    // the first held-out picture of the sample again, now from a file
    const first = samplePictures().find(({ heldOut }) => heldOut)!;
    await drop(page, ".teach-panel[aria-label='Try it']", [pngOf(first)]);
    await says(page, /^picture\.png: /);
    expect(await page.$eval(".teach-bars", (list) => list.textContent)).toBe(before);
    expect(errors).toEqual([]);
    await page.close();
  });

  it("learns from dropped files, holds out every fourth, and says what is no picture", async () => {
    const { page, errors } = await openDemo(browser);
    const pictures = samplePictures();
    for (const label of [0, 1]) {
      const files = pictures.filter((picture) => picture.label === label).slice(0, 8);
      await drop(page, `.teach-class:nth-child(${label + 1})`, files.map(pngOf));
      await says(page, new RegExp(`^8 pictures added to Class ${label + 1}`));
    }
    const text = "8 pictures: 6 to train, 2 held out";
    await page.waitForFunction(
      (text) => [...document.querySelectorAll(".teach-class .teach-count")].every((one) => one.textContent === text),
      {},
      text,
    );
    const noPicture = { name: "notes.txt", type: "text/plain", base64: Buffer.from("no picture").toString("base64") };
    await drop(page, ".teach-class", [noPicture]);
    await says(page, /^"notes\.txt" is not a picture that this browser can read/);
    expect(await train(page, "pretrained")).toBeGreaterThan(0);
    await press(page, "Undo");
    await says(page, /^8 pictures taken away from Class 1/);
    expect(await page.$eval(".teach-main", (button) => (button as HTMLButtonElement).disabled)).toBe(true);
    expect(errors).toEqual([]);
    await page.close();
  });

  it.runIf(kind === "chrome")("records from a camera while a button is held, and predicts what it sees", async () => {
    const { page, errors } = await openDemo(browser);
    await press(page, "Turn the camera on");
    await page.waitForFunction(() => (document.querySelector(".teach-video") as HTMLVideoElement).videoWidth > 0);
    const buttons = await page.$$(".teach-record");
    const pictures = (index: number) =>
      page.waitForFunction(
        (index) => {
          const text = document.querySelectorAll(".teach-class .teach-count")[index].textContent ?? "";
          return Number.parseInt(text, 10) >= 8;
        },
        {},
        index,
      );
    await buttons[0].hover();
    await page.mouse.down();
    await pictures(0);
    await page.mouse.up();
    await says(page, /pictures recorded for Class 1/);
    await buttons[1].focus();
    await page.keyboard.down("Space");
    await pictures(1);
    await page.keyboard.up("Space");
    await says(page, /pictures recorded for Class 2/);
    await train(page, "pretrained");
    await page.click("input[name=teach-live]");
    await page.waitForFunction(() => / %.* %/.test(document.querySelector(".teach-bars")?.textContent ?? ""));
    await press(page, "Turn the camera off");
    const on = await page.$eval(".teach-video", (video) => (video as HTMLVideoElement).srcObject !== null);
    expect(on).toBe(false);
    expect(errors).toEqual([]);
    await page.close();
  });
});
