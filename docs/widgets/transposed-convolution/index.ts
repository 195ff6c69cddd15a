/** A transposed convolution: each input number spreads the kernel over the output. */
import { nn, scope, tensor } from "wasmgrad";
import { h, slider } from "../lib/elements.ts";
import { NumberGrid, short } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";

const filled = (size: number, value: (y: number, x: number) => number) =>
  Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => value(y, x)));

function spread(input: number[][], kernel: number[][], stride: number): number[][] {
  return scope(
    () =>
      nn.functional
        .convTranspose2d(tensor([[input]]), tensor([[kernel]]), null, { stride })
        .toArray() as number[][][][],
  )[0][0];
}

export function mount(root: HTMLElement): () => void {
  const size = 3;
  const sizes = { kernel: 3, stride: 2 };
  const input = filled(size, () => 1);
  let kernel = filled(sizes.kernel, () => 1);
  const inputs = new NumberGrid({
    label: "Input (change any number)",
    onEdit: (row, column, value) => {
      input[row][column] = value;
      draw();
    },
  });
  const taps = new NumberGrid({
    label: "Kernel",
    onEdit: (row, column, value) => {
      kernel[row][column] = value;
      draw();
    },
  });
  const output = new NumberGrid({ label: "Output so far" });
  const sum = h("p", { class: "sum", role: "status" });
  const note = h("p", { class: "note" });
  const steps = player(draw, 900);

  function draw(): void {
    const last = steps.step;
    const isSpread = (y: number, x: number) => y * size + x <= last;
    const ones = filled(sizes.kernel, () => 1);
    const out = spread(
      filled(size, (y, x) => (isSpread(y, x) ? input[y][x] : 0)),
      kernel,
      sizes.stride,
    );
    const counts = spread(
      filled(size, (y, x) => Number(isSpread(y, x))),
      ones,
      sizes.stride,
    );
    const [row, column] = [Math.floor(last / size), last % size];
    const isNow = (y: number, x: number) =>
      [y - row * sizes.stride, x - column * sizes.stride].every((at) => at >= 0 && at < sizes.kernel);
    inputs.fill(input);
    taps.fill(kernel);
    output.fill(out);
    inputs.mark((y, x) => (y === row && x === column ? "hit" : isSpread(y, x) ? "done" : ""));
    output.mark((y, x) => {
      const often = counts[y][x];
      return `${often > 2 ? "many" : often === 2 ? "twice" : often === 1 ? "done" : ""} ${isNow(y, x) ? "now" : ""}`;
    });
    sum.textContent =
      `in[${row}][${column}] = ${short(input[row][column])} times the kernel is added at ` +
      `out[${row * sizes.stride}][${column * sizes.stride}].`;
    const different = [...new Set(counts.flat())].sort((a, b) => a - b);
    const overlap =
      sizes.kernel > sizes.stride
        ? sizes.kernel % sizes.stride === 0
          ? "The kernel is a multiple of the stride, so away from the edges all outputs get equally many sums."
          : "The kernel is no multiple of the stride, so some outputs get more sums than their neighbours: a checkerboard."
        : "The copies of the kernel do not overlap.";
    note.textContent = `Output size: (${size} − 1)·${sizes.stride} + ${sizes.kernel} = ${out.length}. Products per output so far: ${different.join(", ")}. ${overlap}`;
  }
  const control = (name: "kernel" | "stride", min: number, max: number) =>
    slider(name, { min, max, value: sizes[name] }, (value) => {
      sizes[name] = value;
      if (name === "kernel") kernel = filled(value, () => 1);
      steps.setSteps(size * size);
    }).element;
  const legend = h(
    "p",
    { class: "note legend" },
    h("i", { class: "done" }),
    "one product",
    h("i", { class: "twice" }),
    "two",
    h("i", { class: "many" }),
    "more",
  );
  root.append(
    h("div", { class: "controls" }, control("kernel", 1, 4), control("stride", 1, 3)),
    steps.element,
    h("div", { class: "drawing" }, inputs.element, taps.element, output.element),
    legend,
    sum,
    note,
  );
  steps.setSteps(size * size, size * size - 1);
  return steps.dispose;
}
