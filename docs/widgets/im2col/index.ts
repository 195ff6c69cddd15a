/** im2col: each window of the image becomes a column of a matrix. */
import { nn, scope, tensor } from "wasmgrad";
import { type ConvolutionSizes, exampleImage, outputSize, termsOf } from "../lib/convolution.ts";
import { h, slider } from "../lib/elements.ts";
import { NumberGrid, rowsOf, short } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";

export function mount(root: HTMLElement): () => void {
  const sizes: ConvolutionSizes = { size: 5, kernel: 3, stride: 1, padding: 0, dilation: 1 };
  let out = 0;
  const image = new NumberGrid({
    label: "Image",
    onPick: (row, column) => showPixel(row - sizes.padding, column - sizes.padding),
  });
  const matrix = new NumberGrid({
    label: "Matrix: a row for each tap of the kernel, a column for each output",
    cell: 30,
    scroll: true,
    onPick: (_, column) => steps.go(column),
  });
  const sum = h("p", { class: "sum", aria: { live: "polite" } });
  const note = h("p", { class: "note" });
  const steps = player(show);

  function show(step: number): void {
    const terms = termsOf(sizes, Math.floor(step / out), step % out);
    const { padding, size } = sizes;
    const isOutside = (at: number) => at < padding || at >= padding + size;
    const isRead = (y: number, x: number) =>
      terms.some(({ pixel }) => pixel[0] === y - padding && pixel[1] === x - padding);
    image.mark((y, x) => `${isRead(y, x) ? "hit" : ""} ${isOutside(y) || isOutside(x) ? "outside" : ""}`);
    matrix.mark((_, column) => (column === step ? "hit" : column < step ? "done" : ""));
    sum.setAttribute("aria-live", steps.playing ? "off" : "polite");
    sum.textContent = `Column ${step}: the ${terms.length} numbers under the kernel at output [${Math.floor(step / out)}][${step % out}].`;
  }

  /** Lights the copies of one pixel. */
  function showPixel(row: number, column: number): void {
    const copies = Array.from({ length: out * out }, (_, p) =>
      termsOf(sizes, Math.floor(p / out), p % out).map(({ pixel }) => pixel[0] === row && pixel[1] === column),
    );
    const { padding } = sizes;
    image.mark((y, x) => {
      const outside = Math.min(y, x) < padding || Math.max(y, x) >= padding + sizes.size;
      return `${y - padding === row && x - padding === column ? "hit" : ""} ${outside ? "outside" : ""}`;
    });
    matrix.mark((tap, p) => (copies[p][tap] ? "hit" : ""));
    sum.textContent = `Pixel [${row}][${column}] is copied ${copies.flat().filter(Boolean).length} times.`;
  }

  function compute(): void {
    const { size, kernel, stride, padding } = sizes;
    out = outputSize(sizes);
    const pixels = exampleImage(size);
    const columns = scope(() => nn.functional.unfold(tensor([[pixels]]), kernel, { stride, padding }).data());
    const padded = size + 2 * padding;
    image.fill(
      Array.from({ length: padded }, (_, y) =>
        Array.from({ length: padded }, (_, x) => pixels[y - padding]?.[x - padding] ?? 0),
      ),
    );
    matrix.fill(rowsOf(columns, kernel * kernel, out * out));
    const numbers = kernel * kernel * out * out;
    note.textContent =
      `${size * size} pixels become ${kernel * kernel} x ${out * out} = ${numbers} numbers: ` +
      `${short(numbers / size ** 2, 1)} times as many. The convolution is now a matrix product: the kernel, ` +
      `one row of ${kernel * kernel} numbers for each output channel, times this matrix.`;
    steps.setSteps(out * out);
  }
  const control = (name: "size" | "kernel" | "stride" | "padding", min: number, max: number) =>
    slider(name, { min, max, value: sizes[name] }, (value) => {
      sizes[name] = value;
      compute();
    }).element;
  root.append(
    h(
      "div",
      { class: "controls" },
      control("size", 4, 7),
      control("kernel", 1, 4),
      control("stride", 1, 3),
      control("padding", 0, 1),
    ),
    steps.element,
    h("div", { class: "drawing" }, image.element, matrix.element),
    sum,
    note,
  );
  compute();
  return steps.dispose;
}
