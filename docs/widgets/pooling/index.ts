/** Max pooling: the winner of each window, and the gradient that goes back to it. */
import { nn, scope, tensor } from "wasmgrad";
import { h, slider } from "../lib/elements.ts";
import { NumberGrid, short } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";

const SIZE = 6;

/** The library's result, the positions of the winners, and the gradient of the image. */
function pool(image: number[][], dOut: number[][], window: number, stride: number) {
  return scope(() => {
    const x = tensor([[image]], { requiresGrad: true });
    const [y, index] = nn.functional.maxPool2d(x, window, { stride, returnIndices: true });
    y.backward(tensor([[dOut]]));
    const numbers = (of: { toArray(): unknown }) => (of.toArray() as number[][][][])[0][0];
    return { out: numbers(y), winners: numbers(index).flat(), dx: numbers(x.grad!) };
  });
}

export function mount(root: HTMLElement): () => void {
  const image = Array.from({ length: SIZE }, (_, y) =>
    Array.from({ length: SIZE }, (_, x) => (11 * y + 7 * x + y * x * 3) % 10),
  );
  const sizes = { window: 2, stride: 2 };
  let dOut: number[][] = [];
  let result: ReturnType<typeof pool>;
  const images = new NumberGrid({
    label: "Image x (change any number)",
    onEdit: (row, column, value) => {
      image[row][column] = value;
      compute();
    },
  });
  const output = new NumberGrid({
    label: "Output y: the largest number of each window",
    onPick: (row, column) => steps.go(row * result.out.length + column),
  });
  const gradients = new NumberGrid({
    label: "Gradient of y (change any number)",
    onEdit: (row, column, value) => {
      dOut[row][column] = value;
      compute();
    },
  });
  const dx = new NumberGrid({ label: "Gradient of x, by backward()" });
  const sum = h("p", { class: "sum", aria: { live: "polite" } });
  const steps = player(show);

  function show(step: number): void {
    const width = result.out.length;
    const [row, column] = [Math.floor(step / width), step % width];
    const [top, left] = [row * sizes.stride, column * sizes.stride];
    const winner = result.winners[step];
    const isWinner = (y: number, x: number) => y * SIZE + x === winner;
    const isInside = (y: number, x: number) =>
      y >= top && y < top + sizes.window && x >= left && x < left + sizes.window;
    images.mark((y, x) => (isWinner(y, x) ? "winner" : isInside(y, x) ? "hit" : ""));
    dx.mark((y, x) => (isWinner(y, x) ? "winner" : isInside(y, x) ? "done" : ""));
    const now = (y: number, x: number) => (y === row && x === column ? "hit" : "");
    output.mark(now);
    gradients.mark(now);
    const [y, x] = [Math.floor(winner / SIZE), winner % SIZE];
    const windowsWon = result.winners.filter((other) => other === winner).length;
    const several = windowsWon > 1 ? `, the sum of ${windowsWon} windows that it wins` : "";
    sum.setAttribute("aria-live", steps.playing ? "off" : "polite");
    sum.textContent =
      `y[${row}][${column}] = x[${y}][${x}] = ${short(result.out[row][column])}. ` +
      `Its gradient goes there alone: dx[${y}][${x}] = ${short(result.dx[y][x])}${several}.`;
  }

  function compute(): void {
    const width = Math.floor((SIZE - sizes.window) / sizes.stride) + 1;
    if (dOut.length !== width)
      dOut = Array.from({ length: width }, (_, y) => Array.from({ length: width }, (_, x) => y * width + x + 1));
    result = pool(image, dOut, sizes.window, sizes.stride);
    images.fill(image);
    output.fill(result.out);
    gradients.fill(dOut);
    dx.fill(result.dx);
    steps.setSteps(width * width);
  }
  const control = (name: "window" | "stride", max: number) =>
    slider(name, { min: 1, max, value: sizes[name] }, (value) => {
      sizes[name] = value;
      compute();
    }).element;
  root.append(
    h("div", { class: "controls" }, control("window", 4), control("stride", 3)),
    steps.element,
    h("div", { class: "drawing" }, images.element, output.element, gradients.element, dx.element),
    sum,
  );
  compute();
  return steps.dispose;
}
