/** How many registers a tile of a matrix product takes, and how many loads it needs. */
import { h, slider } from "../lib/elements.ts";
import { NumberGrid } from "../lib/numbers.ts";

/** Vector registers of x64, without the one that V8 keeps for itself. */
const REGISTERS = 15;
const LANES = 4;

export function mount(root: HTMLElement): () => void {
  const tile = { rows: 4, vectors: 2 };
  const grid = new NumberGrid({ label: "15 registers: x64 has 16, and V8 keeps one", cell: 56 });
  const table = h("div", {});
  const verdict = h("p", { class: "sum", role: "status" });

  function draw(): void {
    const { rows, vectors } = tile;
    const accumulators = Array.from(
      { length: rows * vectors },
      (_, i) => `acc${Math.floor(i / vectors)},${i % vectors}`,
    );
    const numbered = (name: string, length: number) => Array.from({ length }, (_, i) => `${name}${i}`);
    const operands = [...numbered("b", vectors), ...numbered("a", rows), "a·b"];
    const names = [...accumulators, ...operands];
    const cells = [...names, ...Array(Math.max(0, REGISTERS - names.length)).fill("")];
    const columns = 5;
    while (cells.length % columns) cells.push("");
    grid.fill(
      Array.from({ length: cells.length / columns }, (_, row) => cells.slice(row * columns, (row + 1) * columns)),
    );
    grid.mark((row, column) => {
      const at = row * columns + column;
      if (at >= names.length) return at >= REGISTERS ? "outside" : "";
      return at >= REGISTERS ? "many" : at < accumulators.length ? "done" : "twice";
    });
    const loads = rows + vectors;
    const products = rows * vectors;
    const facts: [string, string][] = [
      ["tile of C", `${rows} x ${vectors * LANES} floats`],
      ["accumulators", String(products)],
      ["vectors of B, floats of A in all lanes, product", `${vectors} + ${rows} + 1`],
      ["registers", `${names.length} of ${REGISTERS}`],
      ["products of vectors per step k", String(products)],
      ["loads per step k", `${vectors} + ${rows} = ${loads}`],
      ["loads per product", (loads / products).toFixed(2)],
    ];
    const lines = facts.map(([name, value]) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, value)),
    );
    table.replaceChildren(h("table", {}, h("tbody", {}, ...lines)));
    const spilled = names.length - REGISTERS;
    verdict.textContent =
      spilled > 0
        ? `${spilled} ${spilled === 1 ? "value does" : "values do"} not fit: stored to memory and loaded again in each step.`
        : `All values fit. Loads per product: ${(loads / products).toFixed(2)}.`;
  }
  const control = (name: "rows" | "vectors", max: number) =>
    slider(name === "rows" ? "rows" : "columns, in vectors", { min: 1, max, value: tile[name] }, (value) => {
      tile[name] = value;
      draw();
    }).element;
  const legend = h(
    "p",
    { class: "note legend" },
    h("i", { class: "done" }),
    "accumulators",
    h("i", { class: "twice" }),
    "operands",
    h("i", { class: "many" }),
    "no register left",
  );
  root.append(
    h("div", { class: "controls" }, control("rows", 8), control("vectors", 4)),
    h("div", { class: "drawing" }, grid.element, table),
    legend,
    verdict,
  );
  draw();
  return () => {};
}
