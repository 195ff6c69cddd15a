/** The rungs of a ladder, run in the reader's browser: checked, timed in turns, beside the recorded times. */
import type { Row } from "../../../bench/ladder/measure.ts";
import { median } from "../../../bench/lib/statistics.ts";
import { digits, percent } from "../../../bench/lib/table.ts";
import recorded from "../../../bench/results/ladder.json";
import "../lib/drawings.css";
import { h } from "../lib/elements.ts";
import { drawingWidth } from "../lib/svg.ts";
import { barChart } from "./chart.ts";
import type { Report, Request } from "./messages.ts";

const UNITS: Record<string, string> = { maxPool2d: "GB/s", softmax: "GB/s", sum: "GB/s" };
/** Rounds and milliseconds of a turn: shorter than in the recorded run, so that nobody waits for long. */
const PLAN = { rounds: 5, time: 40 };

/** Only one ladder runs at a time: two would slow each other down. */
let stopCurrent: (() => void) | undefined;

export function mount(root: HTMLElement, op: string): () => void {
  const rows = (recorded.rows as Row[]).filter((row) => row.op === op);
  if (rows.length === 0) throw new Error(`no ladder "${op}"`);
  const unit = UNITS[op] ?? "GFLOP/s";
  const choice = (name: string, values: Iterable<string>) => {
    const select = h("select", {}, ...[...values].map((value) => h("option", { value }, value)));
    return { select, element: h("label", {}, `${name} `, select) };
  };
  const layers = choice("Layer", new Set(rows.map(({ layer }) => layer)));
  const passes = choice("Pass", new Set(rows.map(({ pass }) => pass)));
  const start = h("button", { type: "button", class: "primary" }, "Run");
  const bar = h("progress", { max: 1, value: 0, hidden: true, aria: { label: "Progress" } });
  const status = h("p", { class: "note", role: "status" });
  const checks = h("ul", { class: "checks" });
  const chart = h("div", {});
  const table = h("div", {
    class: "scroll",
    tabIndex: 0,
    role: "region",
    aria: { label: `Measured and recorded: ${op}` },
  });
  let worker: Worker | undefined;

  const shown = () => rows.filter(({ layer, pass }) => layer === layers.select.value && pass === passes.select.value);

  /** The recorded rows, with what was measured here beside them. */
  function draw(measured: readonly Row[]): void {
    const { machine } = recorded;
    const head = ["rung", `here, ${unit}`, "of ceiling", "error", `recorded, ${unit}`, "of ceiling"];
    const lines = shown().map((row) => {
      const here = measured.find(({ rung }) => rung === row.rung);
      const numbers = [
        here ? digits(here.rate) : "–",
        here ? percent(here.share) : "–",
        here ? (here.error === 0 ? "0" : here.error.toExponential(0)) : "–",
        digits(row.rate),
        percent(row.share),
      ];
      const cells = numbers.map((text) => h("td", { class: "number" }, text));
      return h("tr", { data: { rung: row.rung } }, h("td", {}, `${row.rung} ${row.name}`), ...cells);
    });
    const header = h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text))));
    const caption = h("p", { class: "note" }, `Recorded: ${machine.cpu}, Node ${machine.node}, ${machine.date}.`);
    table.replaceChildren(h("table", {}, header, h("tbody", {}, ...lines)), caption);
    chart.replaceChildren();
    if (measured.length === 0) return;
    const ceiling = median(measured.map(({ rate, share }) => rate / share));
    const bars = measured.map(({ rung, name, rate, ships }) => ({ name: `${rung} ${name}`, rate, ships }));
    const title = `${op}, layer ${layers.select.value}, ${passes.select.value}, rates of ${bars.length} rungs`;
    chart.append(barChart(title, bars, unit, ceiling, drawingWidth(root)));
  }

  /** Ends the worker; the page then waits for the next run. */
  function finish(text: string): void {
    worker?.terminate();
    worker = undefined;
    if (stopCurrent === stop) stopCurrent = undefined;
    start.textContent = "Run";
    bar.hidden = true;
    layers.select.disabled = passes.select.disabled = false;
    status.textContent = text;
  }
  const stop = () => finish("Stopped.");

  function receive(message: Report): void {
    if (message.kind === "checked") {
      const { rung, name, error } = message;
      checks.append(
        h(
          "li",
          { data: { rung } },
          `✓ ${rung} ${name}: error ${error === 0 ? 0 : error.toExponential(1)} against float64`,
        ),
      );
    } else if (message.kind === "progress") {
      bar.value = message.share;
      status.textContent = "All rungs are right. They are now timed in turns.";
    } else if (message.kind === "failed") finish(`This did not work: ${message.message}`);
    else {
      draw(message.rows);
      finish(`${message.rows.length} rungs checked and timed in ${PLAN.rounds} rounds: medians.`);
      root.dataset.done = `${layers.select.value} ${passes.select.value}`;
    }
  }

  function run(): void {
    stopCurrent?.();
    stopCurrent = stop;
    delete root.dataset.done;
    checks.replaceChildren();
    draw([]);
    start.textContent = "Stop";
    bar.hidden = false;
    bar.removeAttribute("value");
    layers.select.disabled = passes.select.disabled = true;
    status.textContent = "Each rung is compared with the definition in float64 …";
    worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Report>) => receive(data);
    worker.onerror = (event) => finish(`This did not work: ${event.message ?? "the worker does not load"}`);
    worker.postMessage({ op, layer: layers.select.value, pass: passes.select.value, ...PLAN } satisfies Request);
  }
  start.onclick = () => (worker ? stop() : run());
  layers.select.onchange = passes.select.onchange = () => {
    delete root.dataset.done;
    checks.replaceChildren();
    status.textContent = "";
    draw([]);
  };
  root.append(
    h("div", { class: "controls" }, layers.element, passes.element, start, bar),
    status,
    checks,
    chart,
    table,
  );
  draw([]);
  return () => {
    if (worker) stop();
  };
}
