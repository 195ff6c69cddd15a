/** Predictions: the probability of each class, for the camera's picture or another one. */
import { transfer } from "comlink";
import { h } from "../lib/elements.ts";
import type { Camera } from "./camera.ts";
import { filesOf, pickFiles } from "./files.ts";
import type { Session } from "./session.ts";
import type { Prediction } from "./worker.ts";

const SIDE = 32;
/** Pause between two predictions of the camera's picture. */
const LIVE_MS = 100;

export interface TryPanel {
  readonly element: HTMLElement;
  /** After the camera was switched on or off. */
  update(): void;
  dispose(): void;
}

export function tryPanel(session: Session, camera: Camera): TryPanel {
  const canvas = h("canvas", { width: SIDE, height: SIDE, class: "teach-seen", role: "img" });
  canvas.setAttribute("aria-label", "The picture as the encoder sees it, 32 by 32 pixels");
  const bars = h("ul", { class: "teach-bars" });
  const note = h("p", { class: "teach-count" });
  const live = h("input", { type: "checkbox", name: "teach-live", onchange: () => void watch() });
  const liveLabel = h("label", {}, live, " predict what the camera sees");
  const fileButton = h(
    "button",
    { type: "button", onclick: async () => tryFile((await pickFiles("image/*", false))[0]) },
    "Choose a picture",
  );
  const ownButton = h("button", { type: "button", onclick: () => session.attempt(tryOwn) }, "A held-out picture");
  let rows: { name: HTMLElement; fill: HTMLElement; share: HTMLElement }[] = [];
  let shown: number[] = [];
  let next = 0;
  let watching = false;
  let disposed = false;

  function draw(): void {
    if (rows.length !== session.learnt.length) {
      rows = session.learnt.map(() => {
        const [name, fill, share] = ["teach-name", "teach-fill", "teach-share"].map((one) => h("span", { class: one }));
        return { name, fill, share };
      });
      bars.replaceChildren(
        ...rows.map(({ name, fill, share }) =>
          h("li", {}, name, h("span", { class: "teach-bar", aria: { hidden: true } }, fill), share),
        ),
      );
    }
    session.learnt.forEach((topic, i) => {
      const { name, fill, share } = rows[i];
      name.textContent = topic.name;
      fill.style.width = `${100 * (shown[i] ?? 0)}%`;
      fill.style.background = topic.color;
      share.textContent = shown.length > 0 ? `${Math.round(100 * shown[i])} %` : "–";
    });
  }

  function show({ bytes, probabilities }: Prediction): void {
    canvas.getContext("2d")!.putImageData(new ImageData(bytes, SIDE, SIDE), 0, 0);
    shown = probabilities ?? [];
    draw();
  }

  function likeliest(): string {
    const best = shown.indexOf(Math.max(...shown));
    return `${session.learnt[best]?.name}, ${Math.round(100 * shown[best])} %`;
  }

  function tryFile(file: File | undefined): Promise<void> {
    return session.attempt(async () => {
      if (!file) return;
      live.checked = false;
      show(await session.teacher.predict(file));
      if (shown.length > 0) session.say(`${file.name}: ${likeliest()}.`);
    });
  }

  /** Shows the held-out pictures one after the other, a class at a time. */
  async function tryOwn(): Promise<void> {
    const heldOut = session.courses.map((course) =>
      course.pictures.flatMap((picture, index) => (picture.heldOut ? [{ course, index }] : [])),
    );
    const most = Math.max(...heldOut.map(({ length }) => length));
    const turns = Array.from({ length: most }, (_, i) => heldOut.flatMap((list) => list.slice(i, i + 1))).flat();
    if (turns.length === 0) return;
    const { course, index } = turns[next++ % turns.length];
    live.checked = false;
    show(await session.teacher.predictOwn(course.id, index));
    session.say(`A held-out picture of ${course.topic.name}: ${likeliest()}.`);
  }

  async function watch(): Promise<void> {
    if (watching) return;
    watching = true;
    await session.attempt(async () => {
      while (live.checked && camera.on && !disposed) {
        if (!document.hidden && session.learnt.length > 0) {
          const frame = await camera.picture();
          if (frame) show(await session.teacher.predict(transfer(frame, [frame])));
        }
        await new Promise((resolve) => setTimeout(resolve, LIVE_MS));
      }
    });
    watching = false;
  }

  function update(): void {
    const ready = session.learnt.length > 0;
    liveLabel.hidden = !camera.on;
    if (!camera.on) live.checked = false;
    live.disabled = fileButton.disabled = !ready;
    ownButton.disabled =
      !ready || session.training || !session.courses.some(({ pictures }) => pictures.some((p) => p.heldOut));
    note.textContent = ready
      ? "Drop a picture here, or choose one."
      : "After the training, a picture can be tried here.";
    if (!ready) canvas.getContext("2d")!.clearRect(0, 0, SIDE, SIDE);
    if (shown.length !== session.learnt.length) shown = [];
    draw();
  }

  const element = h(
    "section",
    { class: "teach-panel", aria: { label: "Try it" } },
    h("h2", {}, "Try it"),
    h("div", { class: "teach-try" }, canvas, bars),
    liveLabel,
    h("div", { class: "teach-row" }, fileButton, ownButton),
    note,
  );
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    if (session.learnt.length > 0) void tryFile(filesOf(event)[0]);
  });
  for (const name of ["learnt", "pictures", "training"]) session.addEventListener(name, update);
  update();
  return {
    element,
    update,
    dispose: () => {
      disposed = true;
    },
  };
}
