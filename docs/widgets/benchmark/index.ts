/** The visitor's own run of the benchmark, beside the recorded results. */
import conv from "../../../bench/results/conv.json";
import ops from "../../../bench/results/ops.json";
import step from "../../../bench/results/step.json";
import zen4Conv from "../../../bench/results/zen4/conv.json";
import zen4Ops from "../../../bench/results/zen4/ops.json";
import zen4Step from "../../../bench/results/zen4/step.json";
import { h } from "../lib/elements.ts";
import type { BenchmarkMessage, Entry } from "./messages.ts";
import "./benchmark.css";

interface Recorded {
  /** The processor, and the Node that ran. */
  machine: string;
  /** Milliseconds by the key of the measurement. */
  times: Map<string, number>;
}

interface Results {
  machine: { cpu: string; node: string; date: string };
  rows: object[];
}

type StepRow = { batch: number; ms: number };
type ConvRow = { layer: string; batch: number; pass: string; ms: number };
type OpRow = { op: string; shape: string; ms: number };

function recorded(steps: Results, convolutions: Results, operations: Results): Recorded {
  const { cpu, node, date } = steps.machine;
  const times = new Map<string, number>();
  for (const { batch, ms } of steps.rows as StepRow[]) times.set(`step ${batch}`, ms);
  for (const { layer, batch, pass, ms } of convolutions.rows as ConvRow[]) {
    if (batch === 4) times.set(`${layer}, ${pass}`, ms);
  }
  for (const { op, shape, ms } of operations.rows as OpRow[]) times.set(`${op} ${shape}`, ms);
  return { machine: `${cpu}, Node ${node.split(".")[0]}, ${date}`, times };
}

const RECORDED = [recorded(step, conv, ops), recorded(zen4Step, zen4Conv, zen4Ops)];

const digits = (value: number) => Number(value.toPrecision(3)).toString();

function table(entries: readonly Entry[], medians: Readonly<Record<string, number>>): HTMLElement {
  const head = h(
    "tr",
    {},
    ...["", "here, ms", "here, GFLOP/s", ...RECORDED.map(({ machine }) => `${machine}, ms`)].map((text) =>
      h("th", { scope: "col" }, text),
    ),
  );
  const rows = entries.map(({ key, name, flops }) => {
    const ms = medians[key];
    const rate = ms === undefined || flops === undefined ? "" : digits(flops / ms / 1e6);
    const others = RECORDED.map(({ times }) => {
      const other = times.get(key);
      if (other === undefined) return "";
      return ms === undefined ? digits(other) : `${digits(other)} (here ${digits(other / ms)} x as fast)`;
    });
    const cells = [ms === undefined ? "…" : digits(ms), rate, ...others];
    return h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((text) => h("td", {}, text)));
  });
  return h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows));
}

export function mount(root: HTMLElement): () => void {
  const start = h("button", { class: "primary", onclick: run }, "Run the benchmark");
  const stop = h("button", { onclick: () => end("Stopped."), disabled: true }, "Stop");
  const progress = h("progress", { value: 0, max: 1, aria: { label: "Rounds" } });
  const status = h("span", { role: "status" });
  const place = h("div", { class: "benchmark-table", tabIndex: 0, role: "region", aria: { label: "Results" } });
  root.classList.add("benchmark");
  root.append(h("div", { class: "benchmark-bar" }, start, stop, progress, status), place);

  let worker: Worker | undefined;
  let entries: readonly Entry[] = [];
  let rounds = 1;

  function end(words: string): void {
    worker?.terminate();
    worker = undefined;
    [start.disabled, stop.disabled] = [false, true];
    status.textContent = words;
    root.dataset.state = "ended";
  }

  function run(): void {
    worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "benchmark" });
    [start.disabled, stop.disabled] = [true, false];
    root.dataset.state = "running";
    progress.value = 0;
    status.textContent = "Checking the results …";
    worker.onmessage = ({ data }: MessageEvent<BenchmarkMessage>) => receive(data);
    worker.onerror = (event) => end(`The worker failed: ${event.message}`);
  }

  function receive(message: BenchmarkMessage): void {
    if (message.type === "failed") end(message.message);
    else if (message.type === "entries") {
      ({ entries, rounds } = message);
      place.replaceChildren(table(entries, {}));
      status.textContent = "The results are right. Measuring …";
    } else {
      progress.value = message.round / rounds;
      place.replaceChildren(table(entries, message.medians));
      if (message.round === rounds) end(`Medians of ${rounds} rounds.`);
    }
  }

  return () => worker?.terminate();
}
