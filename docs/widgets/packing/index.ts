/** Packing: the order in which the library's kernels copy a matrix into panels, one element at a time. */
import { MR, NR } from "../../../src/runtime/kernels.generated.ts";
import { h } from "../lib/elements.ts";
import { type LoadedKernels, loadKernels } from "../lib/kernels.ts";
import { NumberGrid } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";

interface Operand {
  name: string;
  rows: number;
  columns: number;
  /** Lines of a panel: rows of A, columns of B. */
  width: number;
}

const A: Operand = { name: "A, in panels of 4 rows", rows: 8, columns: 6, width: MR };
const B: Operand = { name: "B, in panels of 8 columns", rows: 4, columns: 16, width: NR };

/** For each place in the panels, the element of the matrix that packPanels4 or packPanels8 copies there. */
function packedOrder({ kernels, memory, free }: LoadedKernels, operand: Operand): number[] {
  const { rows, columns, width } = operand;
  const count = rows * columns;
  const [from, to] = [free, free + 4 * count + 64];
  new Float32Array(memory.buffer, from, count).set(Array.from({ length: count }, (_, i) => i));
  const isA = operand === A;
  const [lines, depth] = isA ? [rows, columns] : [columns, rows];
  const pack = (isA ? kernels.packPanels4 : kernels.packPanels8) as (...args: number[]) => void;
  pack(0, lines / width, from, lines, depth, 0, isA ? columns : 1, isA ? 1 : columns, to);
  return [...new Float32Array(memory.buffer, to, count)];
}

export function mount(root: HTMLElement): () => void {
  let operand = A;
  let order: number[] = [];
  let loaded: LoadedKernels | undefined;
  const matrix = new NumberGrid({
    label: "Matrix",
    cell: 34,
    scroll: true,
    onPick: (row, column) => pick(row, column),
  });
  const panels = new NumberGrid({ label: "Panels, as they are in memory", cell: 34, scroll: true });
  const where = h("p", { class: "sum", aria: { live: "polite" } });
  const note = h("p", { class: "note" });
  const steps = player(show, 300);
  /** As in the chapter: a41 is row 4, column 1; b0f is row 0, column 15. */
  const nameOf = (element: number) => {
    const [row, column] = [Math.floor(element / operand.columns), element % operand.columns];
    return `${operand === A ? "a" : "b"}${row}${column.toString(16)}`;
  };

  function pick(row: number, column: number): void {
    steps.go(order.indexOf(row * operand.columns + column));
  }

  function show(step: number): void {
    if (!loaded) return;
    const { columns, width } = operand;
    const place = new Map(order.map((element, at) => [element, at]));
    matrix.mark((y, x) => {
      const at = place.get(y * columns + x)!;
      return at === step ? "hit" : at < step ? "done" : "";
    });
    const depth = operand === A ? columns : operand.rows;
    const rowLength = depth * width;
    panels.fill(
      Array.from({ length: order.length / rowLength }, (_, panel) =>
        Array.from({ length: rowLength }, (_, i) =>
          panel * rowLength + i <= step ? nameOf(order[panel * rowLength + i]) : "",
        ),
      ),
    );
    panels.mark((panel, i) => {
      const at = panel * rowLength + i;
      return at === step ? "hit" : at < step ? "done" : "";
    });
    const [panel, rest] = [Math.floor(step / rowLength), step % rowLength];
    const line = operand === A ? "row" : "column";
    where.setAttribute("aria-live", steps.playing ? "off" : "polite");
    where.textContent =
      `Element ${step} is ${nameOf(order[step])}: panel ${panel}, k = ${Math.floor(rest / width)}, ` +
      `${line} ${rest % width} of the panel.`;
  }

  function choose(next: Operand): void {
    operand = next;
    const { rows, columns, width } = operand;
    if (!loaded) return;
    order = packedOrder(loaded, operand);
    matrix.caption = `${operand === A ? "A" : "B"} [${rows}][${columns}], in memory row after row`;
    matrix.fill(
      Array.from({ length: rows }, (_, y) => Array.from({ length: columns }, (_, x) => nameOf(y * columns + x))),
    );
    note.textContent =
      `A step k of the product reads ${width} neighbouring numbers of a panel: ` +
      (operand === A ? "one of each row of the tile." : "two vectors, eight columns of the tile.");
    steps.setSteps(order.length, 0);
  }
  const select = h("select", {}, ...[A, B].map(({ name }) => h("option", { value: name }, name)));
  select.onchange = () => choose([A, B].find(({ name }) => name === select.value)!);
  root.append(
    h("div", { class: "controls" }, h("label", {}, "Operand ", select)),
    steps.element,
    h("div", { class: "drawing" }, matrix.element, panels.element),
    where,
    note,
  );
  loadKernels().then(
    (kernels) => {
      loaded = kernels;
      choose(operand);
      root.dataset.ready = "true";
    },
    (error: unknown) => {
      where.textContent = `The kernels could not be loaded: ${error instanceof Error ? error.message : error}`;
    },
  );
  return steps.dispose;
}
