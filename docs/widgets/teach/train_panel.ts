/** Training: the choice of what is trained, the curves, the accuracy on pictures that were held out. */

import { h } from "../lib/elements.ts";
import type { Progress, Recipe, Topic } from "./classroom.ts";
import { drawCurves } from "./curves.ts";
import type { Session } from "./session.ts";
import type { Lesson } from "./worker.ts";

const percent = (share: number) => `${Math.round(100 * share)} %`;

type EncoderName = "pretrained" | "untrained";

function recipeName({ pretrained, fineTune }: Recipe): string {
  return `${pretrained ? "pretrained" : "untrained"}${fineTune ? ", last stage too" : ""}`;
}

/** How the held-out pictures of each class were classified. */
function confusionTable({ confusion }: Lesson, topics: readonly Topic[]): HTMLElement {
  const names = topics.map(({ name }) => name);
  return h(
    "table",
    { class: "teach-confusion" },
    h("caption", {}, "Held-out pictures: rows are their classes, columns what was predicted"),
    h("thead", {}, h("tr", {}, h("td"), ...names.map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      ...confusion.map((row, actual) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, names[actual]),
          ...row.map((count, predicted) => {
            const kind = predicted === actual ? "teach-right" : count > 0 ? "teach-mistake" : "";
            return h("td", { class: kind }, String(count));
          }),
        ),
      ),
    ),
  );
}

export function trainPanel(session: Session): HTMLElement {
  const radio = (value: EncoderName, text: string, checked: boolean) => {
    const input = h("input", { type: "radio", name: "teach-encoder", value, checked });
    return { input, label: h("label", {}, input, ` ${text}`) };
  };
  const pretrained = radio("pretrained", "pretrained, without labels", true);
  const untrained = radio("untrained", "untrained: random weights, as a control", false);
  const fineTune = h("input", { type: "checkbox", name: "teach-fine-tune" });
  const trainButton = h(
    "button",
    { type: "button", class: "teach-main", onclick: () => session.attempt(train) },
    "Train",
  );
  const stopButton = h(
    "button",
    { type: "button", onclick: () => session.attempt(() => session.teacher.stop()) },
    "Stop",
  );
  const bar = h("progress", { max: 1, value: 0, aria: { label: "Progress of the training" } });
  const canvas = h("canvas", { class: "teach-curves", role: "img" });
  const numbers = h("p", { class: "teach-numbers" });
  const rows = h("tbody");
  const caption = h("caption");
  const runs = h(
    "table",
    { class: "teach-runs" },
    caption,
    h(
      "thead",
      {},
      h("tr", {}, ...["encoder", "held out", "training", "time"].map((text) => h("th", { scope: "col" }, text))),
    ),
    rows,
  );
  const confusion = h("div");
  const results = h("div", { class: "teach-results" }, runs, confusion);
  let history: Progress[] = [];

  function show(progress: Progress): void {
    history.push(progress);
    const { phase, epoch, epochs, loss, heldOutLoss, heldOutAccuracy } = progress;
    bar.value = epoch / epochs;
    numbers.textContent =
      `${phase === "classifier" ? "Classifier" : "Last stage"}, epoch ${epoch} of ${epochs}: loss ${loss.toFixed(3)}, ` +
      `on held-out pictures ${heldOutLoss.toFixed(3)}, accuracy ${percent(heldOutAccuracy)}`;
    drawCurves(canvas, history);
    canvas.setAttribute("aria-label", `Curves over the epochs. ${numbers.textContent}`);
  }

  async function train(): Promise<void> {
    const recipe: Recipe = { pretrained: pretrained.input.checked, fineTune: fineTune.checked };
    history = [];
    const topics = session.courses.map(({ topic }) => topic);
    const lesson = await session.learn(recipe, show);
    if (!lesson) return;
    const { heldOut, heldOutAccuracy, trainAccuracy, trained, seconds, stopped } = lesson;
    caption.textContent = `Accuracy on the ${heldOut} held-out pictures, and on the ${trained} training pictures`;
    const cells = [percent(heldOutAccuracy), percent(trainAccuracy), `${seconds.toFixed(1)} s`];
    const row = h("tr", {}, h("th", { scope: "row" }, recipeName(recipe)), ...cells.map((text) => h("td", {}, text)));
    rows.prepend(row);
    confusion.replaceChildren(confusionTable(lesson, topics));
    results.hidden = false;
    session.say(
      `${stopped ? "Stopped" : "Trained"} (${recipeName(recipe)}): ${percent(heldOutAccuracy)} of the ${heldOut} pictures ` +
        "that were held out are classified correctly.",
    );
  }

  function update(): void {
    const obstacle = session.obstacle();
    trainButton.disabled = session.training || obstacle !== undefined;
    for (const input of [pretrained.input, untrained.input, fineTune]) input.disabled = session.training;
    stopButton.disabled = !session.training;
    bar.hidden = history.length === 0 && !session.training;
    if (history.length === 0) numbers.textContent = obstacle ?? "Ready to train.";
  }

  /** Accuracies of other pictures cannot be compared. */
  function clear(): void {
    rows.replaceChildren();
    confusion.replaceChildren();
    results.hidden = true;
    history = [];
    canvas.hidden = true;
    update();
  }

  let counted = "";
  const onPictures = () => {
    const now = session.courses.map(({ id, pictures }) => `${id}:${pictures.length}`).join();
    if (now !== counted) clear();
    counted = now;
    update();
  };
  session.addEventListener("pictures", onPictures);
  session.addEventListener("classes", onPictures);
  session.addEventListener("training", () => {
    if (session.training) canvas.hidden = false;
    update();
  });
  session.addEventListener("theme", () => history.length > 0 && drawCurves(canvas, history));
  clear();

  return h(
    "section",
    { class: "teach-panel", aria: { label: "Train" } },
    h("h2", {}, "Train"),
    h("fieldset", {}, h("legend", {}, "Encoder"), pretrained.label, untrained.label),
    h("label", {}, fineTune, " train the encoder's last stage too"),
    h("div", { class: "teach-row" }, trainButton, stopButton, bar),
    numbers,
    canvas,
    results,
  );
}
