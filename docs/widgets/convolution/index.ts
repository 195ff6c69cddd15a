/** A convolution, step by step: which pixels an output reads, and the sum that it is. */
import {
  type ConvolutionSizes,
  convolve,
  exampleImage,
  exampleKernel,
  outputSize,
  termsOf,
} from "../lib/convolution.ts";
import { h, slider } from "../lib/elements.ts";
import { NumberGrid, short } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";

export function mount(root: HTMLElement): () => void {
  const sizes: ConvolutionSizes = { size: 6, kernel: 3, stride: 1, padding: 0, dilation: 1 };
  let image = exampleImage(sizes.size);
  let kernel = exampleKernel(sizes.kernel);
  let out: number[][] = [];
  const input = new NumberGrid({
    label: "Image (change any number)",
    onEdit: (row, column, value) => {
      const { padding } = sizes;
      if (image[row - padding]?.[column - padding] === undefined) return;
      image[row - padding][column - padding] = value;
      compute();
    },
  });
  const taps = new NumberGrid({
    label: "Kernel",
    onEdit: (row, column, value) => {
      kernel[row][column] = value;
      compute();
    },
  });
  const output = new NumberGrid({
    label: "Output",
    onPick: (row, column) => steps.go(row * out.length + column),
  });
  const sum = h("p", { class: "sum", aria: { live: "polite" } });
  const note = h("p", { class: "note" });
  const steps = player((step) => show(Math.floor(step / out.length), step % out.length));

  function show(row: number, column: number): void {
    const terms = termsOf(sizes, row, column);
    const { padding, size } = sizes;
    const isRead = (y: number, x: number) =>
      terms.some(({ pixel }) => pixel[0] === y - padding && pixel[1] === x - padding);
    const isOutside = (at: number) => at < padding || at >= padding + size;
    input.mark((y, x) => `${isRead(y, x) ? "hit" : ""} ${isOutside(y) || isOutside(x) ? "outside" : ""}`);
    output.mark((y, x) => (y === row && x === column ? "hit" : y * out.length + x < steps.step ? "done" : ""));
    const products = terms.map(({ tap, pixel, outside }) => {
      const value = outside ? 0 : image[pixel[0]][pixel[1]];
      return `${short(kernel[tap[0]][tap[1]])}·${short(value)}`;
    });
    sum.setAttribute("aria-live", steps.playing ? "off" : "polite");
    sum.textContent = `out[${row}][${column}] = ${products.join(" + ")} = ${short(out[row][column])}`;
  }

  function compute(): void {
    out = convolve(image, kernel, sizes);
    const { size, padding } = sizes;
    const padded = size + 2 * padding;
    input.fill(
      Array.from({ length: padded }, (_, y) =>
        Array.from({ length: padded }, (_, x) => image[y - padding]?.[x - padding] ?? 0),
      ),
    );
    for (const [i, cell] of [...input.cells].entries()) {
      const [y, x] = [Math.floor(i / padded) - padding, (i % padded) - padding];
      (cell as HTMLInputElement).readOnly = image[y]?.[x] === undefined;
    }
    taps.fill(kernel);
    output.fill(out);
    const { kernel: k, stride, dilation } = sizes;
    const reach = dilation * (k - 1) + 1;
    note.textContent =
      `Output size: (${size} + 2·${padding} − ${reach}) / ${stride} rounded down, + 1 = ${out.length}. ` +
      `${out.length ** 2} outputs of ${k * k} products each: ${out.length ** 2 * k * k} products.`;
    steps.setSteps(out.length ** 2);
  }

  /** Changes a size. A kernel that does not fit any more gets a smaller dilation or more padding. */
  function change(name: keyof ConvolutionSizes, value: number): void {
    sizes[name] = value;
    while (outputSize(sizes) < 1 && sizes.dilation > 1) sizes.dilation--;
    while (outputSize(sizes) < 1) sizes.padding++;
    for (const other of Object.keys(controls) as (keyof ConvolutionSizes)[]) {
      const { input, element } = controls[other];
      input.value = String(sizes[other]);
      element.querySelector("output")!.value = input.value;
    }
    if (name === "size") image = exampleImage(value);
    if (name === "kernel") kernel = exampleKernel(value);
    compute();
  }
  const control = (name: keyof ConvolutionSizes, min: number, max: number) =>
    slider(name, { min, max, value: sizes[name] }, (value) => change(name, value));
  const controls = {
    size: control("size", 4, 8),
    kernel: control("kernel", 1, 4),
    stride: control("stride", 1, 3),
    padding: control("padding", 0, 2),
    dilation: control("dilation", 1, 2),
  };
  root.append(
    h("div", { class: "controls" }, ...Object.values(controls).map(({ element }) => element)),
    steps.element,
    h("div", { class: "drawing" }, input.element, taps.element, output.element),
    sum,
    note,
  );
  compute();
  return steps.dispose;
}
