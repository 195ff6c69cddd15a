/** The demo "teach it": classes of the visitor, learnt on the page on top of an encoder that was trained before. */

import { proxy } from "comlink";
import { h } from "../lib/elements.ts";
import { Camera } from "./camera.ts";
import { type CourseCard, courseCard } from "./course_card.ts";
import { download, pickFiles } from "./files.ts";
import { MOST_CLASSES, Session } from "./session.ts";
import "./teach.css";
import { trainPanel } from "./train_panel.ts";
import { tryPanel } from "./try_panel.ts";

export function mount(root: HTMLElement): () => void {
  const session = new Session();
  const video = h("video", { muted: true, playsInline: true, class: "teach-video" });
  video.setAttribute("aria-label", "What the camera sees");
  const camera = new Camera(video);
  const status = h("p", { class: "teach-status", role: "status" });
  const list = h("div", { class: "teach-classes" });
  const cards = new Map<number, CourseCard>();
  const button = (text: string, action: () => Promise<void> | void) =>
    h("button", { type: "button", onclick: () => session.attempt(action) }, text);

  const sampleButton = button("Try it with CIFAR-10 pictures", () => session.addSample());
  const cameraButton = button("Turn the camera on", toggleCamera);
  const addButton = button("Add a class", () => {
    session.addClass();
  });
  const saveButton = button("Save what it learnt", async () => download("taught.safetensors", await session.save()));
  const loadButton = button("Load", async () => {
    const [file] = await pickFiles(".safetensors", false);
    if (file) await session.load(file);
  });
  const resetButton = button("Reset", async () => {
    await session.reset();
    addTwo();
    session.say("All pictures and what was learnt are gone.");
  });
  const cameraPart = h(
    "div",
    { class: "teach-camera", hidden: true },
    video,
    h(
      "p",
      { class: "teach-note" },
      "The camera's pictures stay on this device: the page computes with them here and sends nothing.",
    ),
  );
  const trial = tryPanel(session, camera);

  function addTwo(): void {
    session.addClass();
    session.addClass();
  }

  async function toggleCamera(): Promise<void> {
    if (camera.on) camera.close();
    else await camera.open();
    cameraPart.hidden = !camera.on;
    cameraButton.textContent = camera.on ? "Turn the camera off" : "Turn the camera on";
    update();
    trial.update();
  }

  function showClasses(): void {
    for (const id of cards.keys()) if (!session.courses.some((course) => course.id === id)) cards.delete(id);
    for (const course of session.courses) {
      if (!cards.has(course.id)) cards.set(course.id, courseCard(session, course, camera));
    }
    list.replaceChildren(...session.courses.map(({ id }) => cards.get(id)!.element));
    update();
  }

  function update(): void {
    for (const card of cards.values()) card.update();
    addButton.disabled = session.training || session.courses.length >= MOST_CLASSES;
    saveButton.disabled = session.training || session.learnt.length === 0;
    for (const one of [sampleButton, loadButton, resetButton]) one.disabled = session.training;
  }

  let frame = 0;
  const soon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(update);
  };
  session.addEventListener("classes", showClasses);
  for (const name of ["pictures", "learnt", "training", "theme"]) session.addEventListener(name, soon);
  session.addEventListener("status", () => {
    status.textContent = session.status.text;
    status.classList.toggle("failed", session.status.failed);
  });
  const resized = new ResizeObserver(soon);
  resized.observe(list);
  const theme = new MutationObserver(() => session.changeTheme());
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });

  root.append(
    h(
      "div",
      { class: "teach" },
      h("div", { class: "teach-row" }, sampleButton, cameraButton, addButton),
      cameraPart,
      list,
      status,
      h("div", { class: "teach-panels" }, trainPanel(session), trial.element),
      h("div", { class: "teach-row" }, saveButton, loadButton, resetButton),
    ),
  );
  addTwo();
  void session.attempt(async () => {
    session.say("The encoder is loading; pictures can be added already.");
    let loading = true;
    const { threads, encoderBytes } = await session.teacher.begin(
      proxy((bytes: number) => {
        if (loading)
          session.say(`The encoder is loading: ${Math.round(bytes / 1000)} KB; pictures can be added already.`);
      }),
    );
    loading = false;
    session.say(
      `The encoder is loaded (${Math.round(encoderBytes / 1000)} KB); it computes in a worker, on ${threads} ${threads === 1 ? "thread" : "threads"}.`,
    );
  });

  return () => {
    cancelAnimationFrame(frame);
    resized.disconnect();
    theme.disconnect();
    trial.dispose();
    camera.close();
    session.dispose();
    root.replaceChildren();
  };
}
