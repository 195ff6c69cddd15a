/** A tile of Winograd's algorithm by hand: every intermediate, beside the library's convolution. */
import { nn, scope, tensor } from "wasmgrad";
import { h } from "../lib/elements.ts";
import { NumberGrid, short } from "../lib/numbers.ts";
import { F2, F4, winogradSteps } from "../lib/winograd.ts";

interface Choice {
  name: string;
  matrices: typeof F2;
  /** Whether rows are transformed as well as columns. */
  both: boolean;
  patch: number[][];
  kernel: number[][];
}

const column = (...values: number[]) => values.map((value) => [value]);

/** The numbers of the chapter, so that its text and the drawing agree. */
const CHOICES: Choice[] = [
  { name: "F(2,3)", matrices: F2, both: false, patch: column(1, 2, 3, 5), kernel: column(2, 4, 6) },
  {
    name: "F(2x2,3x3)",
    matrices: F2,
    both: true,
    patch: [
      [1, 2, 3, 5],
      [0, 1, 0, 2],
      [2, 0, 1, 1],
      [1, 1, 0, 3],
    ],
    kernel: [
      [4, 0, 4],
      [0, 8, 0],
      [4, 4, 0],
    ],
  },
  {
    name: "F(4x4,3x3)",
    matrices: F4,
    both: true,
    patch: Array.from({ length: 6 }, (_, y) => Array.from({ length: 6 }, (_, x) => (y * y + 2 * x) % 6)),
    kernel: [
      [4, 0, 4],
      [0, 8, 0],
      [4, 4, 0],
    ],
  },
];

/** The library's convolution, and the same in float64 by the definition. */
function direct(d: number[][], g: number[][]): { library: number[][]; exact: number[][] } {
  const library = scope(() => nn.functional.conv2d(tensor([[d]]), tensor([[g]])).toArray() as number[][][][])[0][0];
  const exact = library.map((line, y) =>
    line.map((_, x) => g.reduce((sum, row, i) => row.reduce((part, tap, j) => part + tap * d[y + i][x + j], sum), 0)),
  );
  return { library, exact };
}

export function mount(root: HTMLElement): () => void {
  let choice = CHOICES[0];
  const edit = (name: "patch" | "kernel") => (row: number, at: number, value: number) => {
    choice[name][row][at] = value;
    compute();
  };
  const grids = {
    d: new NumberGrid({ label: "Patch d (change any number)", onEdit: edit("patch"), cell: 42 }),
    g: new NumberGrid({ label: "Kernel g", onEdit: edit("kernel"), cell: 42 }),
    patch: new NumberGrid({ label: "", cell: 52 }),
    kernel: new NumberGrid({ label: "", cell: 52 }),
    product: new NumberGrid({ label: "", cell: 52 }),
    output: new NumberGrid({ label: "", cell: 52 }),
    library: new NumberGrid({ label: "The library's conv2d", cell: 52 }),
  };
  const matrices = h("div", { class: "drawing" });
  const count = h("p", { class: "sum", role: "status" });

  function compute(): void {
    const { patch, kernel, both, matrices: m } = choice;
    const steps = scope(() => winogradSteps(m, patch, kernel, both));
    const { library, exact } = direct(patch, kernel);
    grids.d.fill(patch);
    grids.g.fill(kernel);
    grids.patch.fill(steps.patch);
    grids.kernel.fill(steps.kernel);
    grids.product.fill(steps.product);
    grids.output.fill(steps.output);
    grids.library.fill(library);
    const products = steps.product.length * steps.product[0].length;
    const byDefinition = library.length * library[0].length * kernel.length * kernel[0].length;
    const error = Math.max(...steps.output.flat().map((value, i) => Math.abs(value - exact.flat()[i])));
    count.textContent =
      `${products} multiplications ⊙ instead of ${byDefinition}: ${short(byDefinition / products, 2)} times fewer. ` +
      `Largest difference from the definition in float64: ${error === 0 ? "0" : error.toExponential(1)}.`;
  }

  function choose(name: string): void {
    choice = CHOICES.find((candidate) => candidate.name === name)!;
    const { both, matrices: m } = choice;
    grids.patch.caption = both ? "B' d B" : "B' d";
    grids.kernel.caption = both ? "G g G'" : "G g";
    grids.product.caption = both ? "m = (G g G') ⊙ (B' d B)" : "m = (G g) ⊙ (B' d)";
    grids.output.caption = both ? "Y = A' m A" : "y = A' m";
    const shown = [
      ["B'", m.bt],
      ["G", m.g],
      ["A'", m.at],
    ] as const;
    matrices.replaceChildren(
      ...shown.map(([label, matrix]) => {
        const grid = new NumberGrid({ label, cell: 46 });
        grid.fill(matrix);
        return grid.element;
      }),
    );
    compute();
  }
  const select = h("select", {}, ...CHOICES.map(({ name }) => h("option", { value: name }, name)));
  select.onchange = () => choose(select.value);
  const constants = h("details", {}, h("summary", {}, "The matrices B', G and A'"), matrices);
  const row = (...shown: NumberGrid[]) => h("div", { class: "drawing" }, ...shown.map(({ element }) => element));
  root.append(
    h("div", { class: "controls" }, h("label", {}, "Algorithm ", select)),
    row(grids.d, grids.g),
    row(grids.patch, grids.kernel),
    row(grids.product, grids.output, grids.library),
    count,
    constants,
  );
  choose(choice.name);
  return () => {};
}
