/** Additions one by one and four at a time, and what an addition waits for. */
import { h, slider } from "../lib/elements.ts";
import { NumberGrid } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";
import { drawingWidth } from "../lib/svg.ts";
import { timeline } from "./timeline.ts";

const LANES = 4;
const COUNT = 16;

/** Adds neighbouring vectors of four lanes: all 16 numbers in four steps. */
export function mount(root: HTMLElement): () => void {
  const x = Array.from({ length: COUNT }, (_, i) => ((5 * i) % 9) + 1);
  const input = new NumberGrid({ label: "16 numbers in memory", cell: 34 });
  const scalar = new NumberGrid({ label: "Scalar: one accumulator", cell: 48 });
  const vector = new NumberGrid({ label: "Vector: four lanes", cell: 48 });
  const words = h("p", { class: "sum", aria: { live: "polite" } });
  const steps = player(show, 700);
  const rows = Array.from({ length: COUNT / LANES }, (_, row) => x.slice(row * LANES, (row + 1) * LANES));
  const total = (numbers: number[]) => numbers.reduce((sum, value) => sum + value, 0);

  function show(step: number): void {
    const vectors = Math.min(step, rows.length);
    const lanes = [0, 1, 2, 3].map((lane) => total(rows.slice(0, vectors).map((row) => row[lane])));
    input.fill(rows);
    const isVectorNow = (row: number) => row === step - 1;
    input.mark((row, column) => {
      const at = row * LANES + column;
      return `${at === step - 1 ? "hit" : at < step ? "done" : ""} ${isVectorNow(row) ? "now" : ""}`;
    });
    scalar.fill([[total(x.slice(0, step))]]);
    vector.fill([lanes]);
    words.setAttribute("aria-live", steps.playing ? "off" : "polite");
    words.textContent =
      `After step ${step}, the scalar loop has added ${step} ${step === 1 ? "number" : "numbers"}, the vector loop ${vectors * LANES}. ` +
      (step >= rows.length ? `The four lanes are added at the end: ${total(lanes)}.` : "");
  }

  const sizes = { latency: 4, accumulators: 1 };
  const chart = h("div", {});
  const note = h("p", { class: "note", role: "status" });
  function draw(): void {
    const { svg, cycles } = timeline(COUNT, sizes.latency, sizes.accumulators, drawingWidth(root));
    chart.replaceChildren(svg);
    const rate = (COUNT * LANES) / cycles;
    note.textContent =
      `${COUNT} additions of vectors take ${cycles} cycles: ${rate.toFixed(1)} floats per cycle, ` +
      `of at most ${LANES} when one addition starts per cycle. ` +
      (sizes.accumulators >= sizes.latency
        ? "There are enough accumulators: an addition never waits."
        : `Each addition waits for its accumulator. With ${sizes.latency} accumulators none would wait.`);
  }
  const control = (name: "latency" | "accumulators", max: number) =>
    slider(name, { min: 1, max, value: sizes[name] }, (value) => {
      sizes[name] = value;
      draw();
    }).element;
  root.append(
    steps.element,
    h("div", { class: "drawing" }, input.element, scalar.element, vector.element),
    words,
    h("div", { class: "controls timeline" }, control("latency", 6), control("accumulators", 8)),
    chart,
    note,
  );
  steps.setSteps(COUNT + 1, 1);
  draw();
  return steps.dispose;
}
