/** A class on the page: its name, its pictures, and the ways to add some. */

import { h } from "../lib/elements.ts";
import type { Camera } from "./camera.ts";
import { filesOf, pickFiles } from "./files.ts";
import type { Course, Session } from "./session.ts";

const SIDE = 32;
const FRAMES_PER_SECOND = 8;

export interface CourseCard {
  readonly element: HTMLElement;
  update(): void;
}

/** Columns of a grid that is at most so high, as a share of its width. */
function columnsFor(count: number, least: number, height: number): number {
  let columns = least;
  while (Math.ceil(count / columns) > columns * height) columns++;
  return columns;
}

/** Draws all pictures of a class. Those that are held out have a frame, in another colour if they are mistaken. */
function drawPictures(canvas: HTMLCanvasElement, { pictures, wrong }: Course): void {
  const cell = SIDE + 4;
  const columns = columnsFor(pictures.length, Math.max(4, Math.floor(canvas.clientWidth / cell)), 0.9);
  const rows = Math.ceil(pictures.length / columns);
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(canvas);
  pictures.forEach(({ bytes, heldOut }, i) => {
    const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    if (heldOut) {
      context.fillStyle = wrong.has(i)
        ? style.getPropertyValue("--teach-wrong")
        : style.getPropertyValue("--teach-held");
      context.fillRect(x, y, cell, cell);
    }
    context.putImageData(new ImageData(bytes, SIDE, SIDE), x + 2, y + 2);
  });
}

function countText({ pictures, wrong }: Course): string {
  if (pictures.length === 0) return "No pictures yet: record some, choose files or drop them here.";
  const heldOut = pictures.filter((picture) => picture.heldOut).length;
  const mistakes = [...wrong].filter((i) => pictures[i]?.heldOut).length;
  const text = `${pictures.length} pictures: ${pictures.length - heldOut} to train, ${heldOut} held out`;
  return mistakes > 0 ? `${text}, ${mistakes} of them taken for another class` : text;
}

export function courseCard(session: Session, course: Course, camera: Camera): CourseCard {
  const { topic } = course;
  const canvas = h("canvas", { class: "teach-pictures", role: "img" });
  const count = h("p", { class: "teach-count" });
  let recording = false;
  /** What the pictures were drawn from. */
  let drawn = "";

  async function record(): Promise<void> {
    if (recording || course.adding > 0 || session.training) return;
    recording = true;
    recordButton.classList.add("active");
    let frames = 0;
    let last = 0;
    // at least one picture, however short the button was held
    const next = async () => {
      await new Promise((resolve) => setTimeout(resolve, last + 1000 / FRAMES_PER_SECOND - performance.now()));
      last = performance.now();
      if (frames > 0 && !recording) return undefined;
      frames++;
      return camera.picture();
    };
    try {
      await session.record(course, next);
    } finally {
      recording = false;
      recordButton.classList.remove("active");
    }
  }
  const start = () => void session.attempt(record);
  const stop = () => {
    recording = false;
  };
  const isKey = (event: KeyboardEvent) => event.key === " " || event.key === "Enter";

  const recordButton = h(
    "button",
    {
      type: "button",
      class: "teach-record",
      onpointerdown: (event: PointerEvent) => {
        recordButton.setPointerCapture(event.pointerId);
        start();
      },
      onpointerup: stop,
      onpointercancel: stop,
      onblur: stop,
      onkeydown: (event: KeyboardEvent) => {
        if (!isKey(event)) return;
        event.preventDefault();
        if (!event.repeat) start();
      },
      onkeyup: (event: KeyboardEvent) => {
        if (!isKey(event)) return;
        event.preventDefault();
        stop();
      },
      // a click without a pointer or a key comes from a screen reader: one second
      onclick: (event: MouseEvent) => {
        if (event.detail !== 0 || recording) return;
        start();
        setTimeout(stop, 1000);
      },
      oncontextmenu: (event: Event) => event.preventDefault(),
    },
    "Hold to record",
  );
  const addFiles = (files: readonly File[]) => session.attempt(() => session.addFiles(course, files));
  const filesButton = h(
    "button",
    { type: "button", onclick: async () => addFiles(await pickFiles("image/*", true)) },
    "Add files",
  );
  const undoButton = h(
    "button",
    { type: "button", onclick: () => session.attempt(() => session.undo(course)) },
    "Undo",
  );
  const removeButton = h(
    "button",
    { type: "button", class: "teach-remove", onclick: () => session.attempt(() => session.removeClass(course)) },
    "×",
  );
  const nameInput = h("input", {
    type: "text",
    value: topic.name,
    maxLength: 24,
    aria: { label: "Name of the class" },
    oninput: () => {
      topic.name = nameInput.value.trim() || "Unnamed";
      label();
      session.rename();
    },
  });
  const colorInput = h("input", {
    type: "color",
    value: topic.color,
    oninput: () => {
      topic.color = colorInput.value;
      label();
      session.rename();
    },
  });
  const element = h(
    "section",
    { class: "teach-class" },
    h("div", { class: "teach-row" }, colorInput, nameInput, removeButton),
    canvas,
    count,
    h("div", { class: "teach-row" }, recordButton, filesButton, undoButton),
  );

  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.classList.add("teach-over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("teach-over"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("teach-over");
    if (!session.training) void addFiles(filesOf(event));
  });

  function label(): void {
    element.setAttribute("aria-label", `Class ${topic.name}`);
    element.style.setProperty("--teach-color", topic.color);
    colorInput.setAttribute("aria-label", `Colour of ${topic.name}`);
    removeButton.setAttribute("aria-label", `Remove the class ${topic.name}`);
    recordButton.setAttribute("aria-label", `Hold to record pictures for ${topic.name}`);
    filesButton.setAttribute("aria-label", `Add files to ${topic.name}`);
    undoButton.setAttribute("aria-label", `Undo the last addition to ${topic.name}`);
  }

  function update(): void {
    const { training } = session;
    recordButton.hidden = !camera.on;
    for (const button of [recordButton, filesButton, removeButton]) button.disabled = training;
    undoButton.disabled = training || course.adding > 0 || course.additions.length === 0;
    canvas.hidden = course.pictures.length === 0;
    count.textContent = countText(course);
    canvas.setAttribute("aria-label", count.textContent);
    const dark = document.documentElement.classList.contains("dark");
    const now = [canvas.clientWidth, dark, course.pictures.length, count.textContent, ...course.wrong].join();
    if (!canvas.hidden && now !== drawn) drawPictures(canvas, course);
    drawn = now;
  }
  label();
  return { element, update };
}
