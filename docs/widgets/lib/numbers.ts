/** Grids of numbers: to look at, to choose from, or to edit. */
import "./drawings.css";
import { h } from "./elements.ts";

/** At most three decimals, and a minus sign as long as a plus sign. */
export function short(value: number, decimals = 3): string {
  const rounded = Number(value.toFixed(decimals));
  return String(Object.is(rounded, -0) ? 0 : rounded).replace("-", "−");
}

/** What fits into a cell: 1.234, 12.34, 123.4. */
function inCell(value: number): string {
  const magnitude = Math.abs(value);
  return short(value, magnitude < 10 ? 3 : magnitude < 100 ? 2 : 1);
}

interface GridOptions {
  /** What the grid shows: its caption, and its name for screen readers. */
  label: string;
  /** Called when a cell is pointed at or focused: the cells are then buttons, with arrow keys between them. */
  onPick?(row: number, column: number): void;
  /** Called with each new number: the cells are then input fields. */
  onEdit?(row: number, column: number, value: number): void;
  /** Width of a cell in pixels, where there is room. */
  cell?: number;
  /** Whether a grid wider than the page scrolls; otherwise its cells become narrower. */
  scroll?: boolean;
}

export type Matrix = readonly (readonly (number | string)[])[];

/** The rows of a matrix that is stored row after row. */
export function rowsOf(values: ArrayLike<number>, rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => values[row * columns + column]),
  );
}

export class NumberGrid {
  readonly element: HTMLElement;
  readonly #caption: HTMLElement;
  readonly #grid: HTMLElement;
  readonly #options: GridOptions;
  #rows = 0;
  #columns = 0;

  constructor(options: GridOptions) {
    this.#options = options;
    this.#caption = h("figcaption", {}, options.label);
    this.#grid = h("div", { class: "numbers", role: "group", aria: { label: options.label } });
    const body = options.scroll
      ? h("div", { class: "scroll", tabIndex: 0, role: "region", aria: { label: options.label } }, this.#grid)
      : this.#grid;
    this.element = h("figure", {}, this.#caption, body);
    this.#grid.onkeydown = (event) => this.#move(event);
  }

  set caption(text: string) {
    this.#caption.textContent = text;
  }

  get cells(): HTMLCollection {
    return this.#grid.children;
  }

  /** Shows a matrix. Cells are made anew only if its size has changed, so that an edited cell keeps its focus. */
  fill(matrix: Matrix): void {
    const [rows, columns] = [matrix.length, matrix[0]?.length ?? 0];
    if (rows !== this.#rows || columns !== this.#columns) {
      [this.#rows, this.#columns] = [rows, columns];
      const { cell = 36 } = this.#options;
      const width = this.#options.scroll ? `${cell}px` : `minmax(0, ${cell}px)`;
      this.#grid.style.gridTemplateColumns = `repeat(${columns}, ${width})`;
      this.#grid.replaceChildren(...Array.from({ length: rows * columns }, (_, i) => this.#cell(i)));
    }
    for (const [row, line] of matrix.entries())
      for (const [column, value] of line.entries()) {
        const cell = this.#grid.children[row * columns + column] as HTMLElement;
        const text = typeof value === "number" ? inCell(value) : value;
        if (cell instanceof HTMLInputElement) {
          if (document.activeElement !== cell) cell.value = String(value);
          continue;
        }
        cell.textContent = text;
        if (this.#options.onPick) cell.ariaLabel = `${this.#nameOf(row, column)}: ${text || "empty"}`;
      }
  }

  #cell(i: number): HTMLElement {
    const [row, column] = [Math.floor(i / this.#columns), i % this.#columns];
    const { onPick, onEdit } = this.#options;
    if (onEdit) {
      const input = h("input", { class: "cell", inputMode: "decimal", ariaLabel: this.#nameOf(row, column) });
      input.oninput = () => {
        const value = Number(input.value.replace("−", "-"));
        const valid = input.value.trim() !== "" && Number.isFinite(value) && Math.abs(value) <= 1e6;
        input.classList.toggle("wrong", !valid);
        if (valid) onEdit(row, column, value);
      };
      return input;
    }
    if (!onPick) return h("span", { class: "cell" });
    const pick = () => onPick(row, column);
    return h("button", {
      class: "cell",
      type: "button",
      tabIndex: i === 0 ? 0 : -1,
      onfocus: pick,
      onmouseenter: pick,
    });
  }

  #nameOf(row: number, column: number): string {
    return `${this.#options.label}, row ${row + 1}, column ${column + 1}`;
  }

  /** Arrow keys go from button to button. */
  #move(event: KeyboardEvent): void {
    const steps: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
    };
    const at = [...this.cells].indexOf(event.target as Element);
    const next = this.cells[at + steps[event.key]];
    if (!this.#options.onPick || at < 0 || !(next instanceof HTMLElement)) return;
    event.preventDefault();
    for (const cell of this.cells) (cell as HTMLElement).tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  /** Gives each cell the classes that `classOf` returns: "hit", "done", "outside" … */
  mark(classOf: (row: number, column: number) => string): void {
    for (const [i, cell] of [...this.cells].entries()) {
      const wrong = cell.classList.contains("wrong") ? " wrong" : "";
      cell.className = `cell ${classOf(Math.floor(i / this.#columns), i % this.#columns)}${wrong}`;
    }
  }
}
