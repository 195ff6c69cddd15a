/** Rounding errors of sums: how many digits each way to add float32 numbers keeps. */
import { Generator, rand, scope } from "wasmgrad";
import { h, slider } from "../lib/elements.ts";
import { lineChart } from "../lib/line_chart.ts";
import { drawingWidth } from "../lib/svg.ts";
import { exactSums, METHODS } from "./methods.ts";

/** The largest power of two of terms. */
const MOST = 20;

const TERMS: Record<string, (count: number) => Float32Array> = {
  "random in [0, 1)": (count) => scope(() => Float32Array.from(rand([count], { generator: new Generator(1) }).data())),
  "0.1, again and again": (count) => new Float32Array(count).fill(0.1),
  "1, 1/2, 1/3, 1/4 …": (count) => Float32Array.from({ length: count }, (_, i) => 1 / (i + 1)),
};

/** A float32 has about 7.2 decimal digits. */
const DIGITS = 24 * Math.log10(2);

export function mount(root: HTMLElement): () => void {
  let left = false;
  let power = 16;
  let errors: Record<string, number[]> = {};
  const select = h("select", {}, ...Object.keys(TERMS).map((name) => h("option", { value: name }, name)));
  const count = slider("terms 2^", { min: 2, max: MOST, value: power }, (value) => {
    power = value;
    draw();
  });
  const chart = h("div", {});
  const table = h("div", { class: "scroll", tabIndex: 0, role: "region", aria: { label: "Errors of the sums" } });
  const note = h("p", { class: "note", role: "status" });

  /** One sum per task, so that the page is never blocked for long. */
  async function compute(): Promise<void> {
    const kind = select.value;
    const terms = TERMS[kind](2 ** MOST);
    const exact = exactSums(terms, MOST);
    const found: typeof errors = {};
    for (const { name, sums } of METHODS) {
      await new Promise((resolve) => setTimeout(resolve));
      found[name] = sums(terms, MOST).map((sum, i) => Math.abs(sum - exact[i]) / exact[i]);
    }
    if (left || kind !== select.value) return;
    errors = found;
    root.dataset.terms = kind;
    draw();
  }

  function draw(): void {
    if (!root.dataset.terms) return;
    const head = ["sum", "relative error", "digits that are right", "lost"];
    const rows = METHODS.map(({ name }) => {
      const error = errors[name][power];
      const right = error === 0 ? DIGITS : Math.min(DIGITS, -Math.log10(error));
      const cells = [error === 0 ? "0" : error.toExponential(1), right.toFixed(1), (DIGITS - right).toFixed(1)];
      return h("tr", {}, h("td", {}, name), ...cells.map((text) => h("td", { class: "number" }, text)));
    });
    const header = h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text))));
    table.replaceChildren(h("table", {}, header, h("tbody", {}, ...rows)));
    note.textContent = `${(2 ** power).toLocaleString("en")} terms. Each sum is compared with one in float64.`;
    const lines = METHODS.map(({ name }) => ({ name, values: errors[name] }));
    chart.replaceChildren(
      lineChart("Relative error by the number of terms, both axes logarithmic", lines, power, drawingWidth(root)),
    );
  }
  select.onchange = () => void compute();
  root.append(h("div", { class: "controls" }, h("label", {}, "Terms ", select), count.element), chart, table, note);
  void compute();
  return () => {
    left = true;
  };
}
