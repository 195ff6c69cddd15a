/** Implicit GEMM: which numbers of the padded image the library's packing reads, and where it puts them. */
import { NR } from "../../../src/runtime/kernels.generated.ts";
import { type ConvolutionSizes, outputSize } from "../lib/convolution.ts";
import { h, slider } from "../lib/elements.ts";
import { type LoadedKernels, loadKernels } from "../lib/kernels.ts";
import { NumberGrid, rowsOf } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";

/** For each place in the panels, the number of the padded image that packPixelPanels copies there. */
function packedPixels({ kernels, memory, free }: LoadedKernels, sizes: ConvolutionSizes): number[][] {
  const { size, kernel, stride, padding } = sizes;
  const out = outputSize(sizes);
  const padded = size + 2 * padding;
  const taps = kernel * kernel;
  const panels = Math.ceil((out * out) / NR);
  // the table that class Geometry in assembly/conv/geometry.ts reads
  const pairs = [kernel, kernel, stride, stride, padding, padding, 1, 1, out, out, padded, padded];
  const table = [1, size, size, ...pairs];
  new Int32Array(memory.buffer, free, table.length).set(table);
  const image = free + 128;
  new Float32Array(memory.buffer, image, padded ** 2).set(Array.from({ length: padded ** 2 }, (_, i) => i));
  const to = image + 4 * padded ** 2 + 128;
  (kernels.packPixelPanels as (...args: number[]) => void)(0, panels, image, free, 0, panels, to);
  return rowsOf(new Float32Array(memory.buffer, to, panels * taps * NR), panels * taps, NR);
}

/** Neighbouring numbers as one range: "bytes 0–15, 32–47". */
function byteRanges(elements: readonly number[]): string {
  const sorted = [...new Set(elements)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const element of sorted) {
    const last = ranges.at(-1);
    if (last && last[1] === element) last[1]++;
    else ranges.push([element, element + 1]);
  }
  return ranges.map(([begin, end]) => `${4 * begin}–${4 * end - 1}`).join(", ");
}

export function mount(root: HTMLElement): () => void {
  const sizes: ConvolutionSizes = { size: 6, kernel: 3, stride: 1, padding: 1, dilation: 1 };
  let packed: number[][] = [];
  let loaded: LoadedKernels | undefined;
  const image = new NumberGrid({ label: "Padded image: each number is its place in memory", cell: 34 });
  const panel = new NumberGrid({
    label: "Panel",
    cell: 34,
    onPick: (row) => steps.go(Math.floor(steps.step / taps()) * taps() + row),
  });
  const output = new NumberGrid({ label: "Output pixels: the panel has eight", cell: 34 });
  const words = h("p", { class: "sum", aria: { live: "polite" } });
  const note = h("p", { class: "note" });
  const steps = player(show);
  const taps = () => sizes.kernel ** 2;

  function show(step: number): void {
    if (!loaded) return;
    const [number, tap] = [Math.floor(step / taps()), step % taps()];
    const padded = sizes.size + 2 * sizes.padding;
    const out = outputSize(sizes);
    const read = packed[step];
    const before = new Set(packed.slice(number * taps(), step).flat());
    const isOutside = (at: number) => at < sizes.padding || at >= sizes.padding + sizes.size;
    image.mark((y, x) => {
      const at = y * padded + x;
      const outside = isOutside(y) || isOutside(x) ? "outside" : "";
      return `${read.includes(at) ? "hit" : before.has(at) ? "done" : ""} ${outside}`;
    });
    const lines = packed.slice(number * taps(), (number + 1) * taps());
    panel.caption = `Panel ${number}: a row for each tap, eight output pixels`;
    panel.fill(lines.map((line, row) => line.map((element) => (row <= tap ? element : ""))));
    panel.mark((row) => (row === tap ? "hit" : row < tap ? "done" : ""));
    output.mark((y, x) =>
      Math.floor((y * out + x) / NR) === number ? "hit" : y * out + x < number * NR ? "done" : "",
    );
    words.setAttribute("aria-live", steps.playing ? "off" : "polite");
    words.textContent =
      `Panel ${number}, tap [${Math.floor(tap / sizes.kernel)}][${tap % sizes.kernel}]: reads bytes ` +
      `${byteRanges(read)} of the padded image, writes bytes ${32 * tap}–${32 * tap + 31} of the panel.`;
  }

  function compute(): void {
    if (!loaded) return;
    packed = packedPixels(loaded, sizes);
    const padded = sizes.size + 2 * sizes.padding;
    const out = outputSize(sizes);
    image.fill(
      rowsOf(
        Array.from({ length: padded ** 2 }, (_, i) => i),
        padded,
        padded,
      ),
    );
    output.fill(
      rowsOf(
        Array.from({ length: out ** 2 }, (_, i) => i),
        out,
        out,
      ),
    );
    const matrix = 4 * taps() * out ** 2;
    const panels = packed.length / taps();
    const rest = panels * NR - out ** 2;
    note.textContent =
      `The im2col matrix would take ${matrix} bytes and be read once more. Its columns exist only as panels of ` +
      `${32 * taps()} bytes, in the order in which the product reads them. Here there are ${panels}` +
      (rest > 0 ? `; the last one repeats its last pixel ${rest} times.` : ".");
    steps.setSteps(packed.length, 0);
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
      control("size", 4, 8),
      control("kernel", 1, 3),
      control("stride", 1, 2),
      control("padding", 0, 1),
    ),
    steps.element,
    h("div", { class: "drawing" }, image.element, panel.element, output.element),
    words,
    note,
  );
  loadKernels().then(
    (kernels) => {
      loaded = kernels;
      compute();
      root.dataset.ready = "true";
    },
    (error: unknown) => {
      words.textContent = `The kernels could not be loaded: ${error instanceof Error ? error.message : error}`;
    },
  );
  return steps.dispose;
}
