/** The inpainting demo: a page around a worker that trains. */
import { proxy, wrap } from "comlink";
import testSheet from "../../../examples/data/cifar10-sample/test.png?url";
import trainSheet from "../../../examples/data/cifar10-sample/train.png?url";
import { h } from "../lib/elements.ts";
import { canIsolate, isolate } from "../lib/isolation.ts";
import { lossCurve, type Point } from "./curve.ts";
import { editor } from "./editor.ts";
import type { Columns, Hidden } from "./program.ts";
import { SIDE } from "./shape.ts";
import type { InpaintingWorker, Opening, Report } from "./worker.ts";
import "./style.css";

/** Rows of a column of pictures: original, masked, reconstructed. */
const ROWS = 3;
const MANY = 200;

/** A figure with its name. */
function figure(name: string, field: string, title = "") {
  const value = h("dd", { data: { field } }, "–");
  return { element: h("div", { title }, h("dt", {}, name), value), value };
}

/** Columns of pictures, each a button that chooses the picture to brush on. */
function pictureGrid(choose: (picture: number) => void) {
  const element = h("div", { class: "grid", role: "group", aria: { label: "Test pictures" } });
  let chosen = 0;
  const mark = (picture: number) => {
    chosen = picture;
    [...element.children].forEach((column, i) => {
      column.setAttribute("aria-pressed", String(i === chosen));
    });
  };
  const column = (_: unknown, i: number) => {
    const canvas = h("canvas", { width: SIDE, height: ROWS * SIDE + ROWS - 1 });
    const label = `Picture ${i + 1}: original, masked, reconstructed. Choose it to brush on`;
    const button = h("button", { type: "button", aria: { label, pressed: i === chosen } }, canvas);
    button.onclick = () => {
      mark(i);
      choose(i);
    };
    return button;
  };
  return {
    element,
    mark,
    draw({ original, masked, reconstructed }: Columns) {
      if (element.children.length !== original.length) element.replaceChildren(...original.map(column));
      [...element.querySelectorAll("canvas")].forEach((canvas, i) => {
        [original, masked, reconstructed].forEach((row, j) => {
          canvas.getContext("2d")!.putImageData(new ImageData(row[i], SIDE), 0, j * (SIDE + 1));
        });
      });
    },
  };
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;

export function mount(root: HTMLElement): () => void {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const training = wrap<InpaintingWorker>(worker);

  const status = h("p", { class: "status", role: "status" }, "Loading 1,250 pictures …");
  const button = (text: string, click: () => void, properties: { class?: string; title?: string } = {}) =>
    h("button", { type: "button", disabled: true, onclick: click, ...properties }, text);
  const start = button("Start", () => (running ? pause() : run(Number.POSITIVE_INFINITY)), { class: "primary" });
  const one = button("1 step", () => run(1));
  const many = button(`${MANY} steps`, () => run(MANY));
  const reset = button("Reset", () => begin(training.reset(hidden()), "A new network."));
  const select = h(
    "select",
    { disabled: true, title: "After Reset, something else can be hidden" },
    h("option", { value: "squares" }, "squares"),
    h("option", { value: "values" }, "half of all values"),
  );
  select.onchange = () => begin(training.reset(hidden()), "A new network.");
  const hidden = () => select.value as Hidden;

  const figures = {
    step: figure("step", "step"),
    epoch: figure("epoch", "epoch", "An epoch is one pass over all pictures"),
    loss: figure("loss", "loss", "Mean squared error of the last 10 steps"),
    psnr: figure("PSNR", "psnr", "Of what is hidden in the test pictures, after each epoch; higher is better"),
    speed: figure("images/s", "speed"),
    threads: figure("threads", "threads"),
    width: figure("vectors", "width", "Width of the vectors that the kernels compute with"),
    memory: figure("memory", "memory", "Size of the WebAssembly memory"),
  };
  const fingerprint = h("output", { class: "fingerprint", data: { field: "fingerprint" } });
  const stored = h("span", { data: { field: "stored" } });
  const isolation = h("p", { class: "note", hidden: true });
  const curve = lossCurve();

  let columns: Columns | undefined;
  let chosen = 0;
  const grid = pictureGrid((picture) => {
    chosen = picture;
    if (columns) brush.choose(picture, columns.original[picture]);
  });
  const brush = editor((picture, given) => training.reconstruct(picture, given));

  const saveWeights = button("Save the weights", () =>
    attempt(async () => {
      const address = URL.createObjectURL(new Blob([await training.weights()]));
      h("a", { href: address, download: "inpainting.safetensors" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    }),
  );
  const weightsFile = h("input", { type: "file", accept: ".safetensors", hidden: true, aria: { label: "Weights" } });
  weightsFile.onchange = () =>
    attempt(async () => {
      const [file] = weightsFile.files ?? [];
      weightsFile.value = "";
      if (!file) return;
      const bytes = new Uint8Array(await file.arrayBuffer());
      await begin(training.loadWeights(bytes), `Weights of ${file.name}; training begins again at step 0.`);
    });
  const loadWeights = button("Load weights …", () => weightsFile.click());
  const picturesFile = h("input", {
    type: "file",
    accept: "image/*",
    multiple: true,
    hidden: true,
    aria: { label: "Pictures" },
  });
  const usePictures = (files: FileList | null | undefined) => {
    if (!files?.length) return;
    begin(training.usePictures([...files], hidden()), "A new network, for your pictures.");
  };
  picturesFile.onchange = () => usePictures(picturesFile.files);
  const ownPictures = button("Your pictures …", () => picturesFile.click());
  const sample = button("Back to CIFAR-10", () => begin(training.useSample(hidden()), "A new network."));
  sample.hidden = true;
  const half = h("p", { class: "note" }, "Here too, half of all values are hidden besides, as while it learns.");
  const source = h("span", { class: "note" });

  const controls = [start, one, many, reset, saveWeights, loadWeights, ownPictures, sample];
  let running = false;
  let train: Point[] = [];
  let test: Point[] = [];

  function enable(): void {
    const open = columns !== undefined;
    for (const control of controls) control.disabled = !open;
    one.disabled = many.disabled = !open || running;
    select.disabled = !open || running || Number(figures.step.value.dataset.step ?? 0) > 0;
    start.textContent = running ? "Pause" : "Start";
  }

  /** Does what the visitor asked for. What goes wrong is said in the status line. */
  async function attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      status.textContent = `That failed: ${error instanceof Error ? error.message : error}`;
    }
    enable();
  }

  function show(report: Report): void {
    if (report.fresh) [train, test] = [[], []];
    for (const entry of report.entries) {
      if (entry.kind === "step") train.push({ step: entry.step, value: entry.loss as number });
      else {
        test.push({ step: entry.step, value: entry.maskedMse as number });
        figures.psnr.value.textContent = `${(entry.maskedPsnr as number).toFixed(2)} dB`;
      }
    }
    if (test.length === 0) figures.psnr.value.textContent = "–";
    figures.step.value.textContent = report.step.toLocaleString("en");
    figures.epoch.value.textContent = (report.epoch + 1).toLocaleString("en");
    figures.step.value.dataset.step = String(report.step);
    figures.loss.value.textContent = train.at(-1)?.value.toFixed(4) ?? "–";
    if (report.imagesPerSecond !== null) {
      figures.speed.value.textContent = Math.round(report.imagesPerSecond).toLocaleString("en");
    }
    stored.textContent = report.storedStep === null ? "" : `Stored in this browser: step ${report.storedStep}.`;
    figures.memory.value.textContent = megabytes(report.memoryBytes);
    columns = report.columns;
    grid.draw(columns);
    curve.draw(train, test);
    if (report.fresh) {
      chosen = Math.min(chosen, columns.original.length - 1);
      grid.mark(chosen);
      brush.choose(chosen, columns.original[chosen]);
    } else brush.refresh();
    enable(); // reports have a port of their own, so this one may come after the answer of open() or run()
  }

  async function showFingerprint(): Promise<void> {
    const digits = await training.fingerprint();
    fingerprint.textContent = digits ? `Weights, SHA-256: ${digits}` : "";
  }

  /** Runs until so many steps are done, or until the visitor pauses. */
  const run = (steps: number) =>
    attempt(async () => {
      running = true;
      status.textContent = "Training …";
      fingerprint.textContent = "";
      enable();
      try {
        await training.run(steps);
      } finally {
        running = false;
      }
      await showFingerprint();
      status.textContent = "Paused. You may reload the page and continue.";
    });

  const pause = () => attempt(() => training.pause());

  /** Shows a program that begins. */
  const begin = (opening: Promise<Opening>, text: string) =>
    attempt(async () => {
      const { hidden, trainImages, testImages, ownPictures, threads, vectorWidth, stored } = await opening;
      select.value = hidden;
      half.hidden = hidden !== "values";
      figures.threads.value.textContent = String(threads);
      figures.width.value.textContent = `${vectorWidth} bits`;
      sample.hidden = !ownPictures;
      source.textContent = `${trainImages.toLocaleString("en")} pictures to learn from, ${testImages} to test.`;
      await showFingerprint();
      status.textContent = stored ? "Your run of last time: Start continues it." : text;
    });

  if (!globalThis.crossOriginIsolated) {
    const all = h("button", { type: "button" }, "Use all cores");
    all.onclick = () => attempt(isolate);
    isolation.append(
      "This page is not cross-origin isolated, so the library computes on one thread. ",
      canIsolate() ? all : "The server would have to send two headers.",
    );
    isolation.hidden = false;
  }

  root.classList.add("inpainting");
  root.append(
    h("div", { class: "bar" }, start, one, many, reset, h("label", {}, "hidden: ", select)),
    status,
    h("dl", {}, ...Object.values(figures).map(({ element }) => element)),
    isolation,
    grid.element,
    h(
      "p",
      { class: "note" },
      "Top: test pictures. Middle: what the network sees. Bottom: what it makes of that. Choose one to brush on.",
    ),
    brush.element,
    half,
    h(
      "figure",
      { class: "loss" },
      curve.element,
      h(
        "figcaption",
        {},
        h("span", { class: "key train" }, "training loss"),
        h("span", { class: "key test" }, "test error of hidden values"),
        "by step",
      ),
    ),
    h("div", { class: "bar" }, saveWeights, loadWeights, ownPictures, sample, source, weightsFile, picturesFile),
    h("p", { class: "note" }, "Pictures can also be dropped here. They stay on this computer. ", stored),
    fingerprint,
  );

  root.ondragover = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    root.classList.add("drop");
  };
  root.ondragleave = () => root.classList.remove("drop");
  root.ondrop = (event) => {
    event.preventDefault();
    root.classList.remove("drop");
    usePictures(event.dataTransfer?.files);
  };
  const resized = new ResizeObserver(() => curve.draw(train, test));
  resized.observe(curve.element);

  const address = (sheet: string) => new URL(sheet, location.href).href;
  void begin(
    training.open(address(trainSheet), address(testSheet), proxy(show)),
    "A new network. Start, and watch the bottom row.",
  );

  return () => {
    resized.disconnect();
    const end = () => worker.terminate();
    training.close().then(end, end);
  };
}
