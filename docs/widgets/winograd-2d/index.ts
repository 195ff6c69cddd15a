/** The tiles of F(2x2,3x3) on an image, and the 16 matrices into which their transformed patches go. */
import { nn, scope, tensor } from "wasmgrad";
import { h } from "../lib/elements.ts";
import { NumberGrid } from "../lib/numbers.ts";
import { player } from "../lib/player.ts";
import { F2, winogradSteps } from "../lib/winograd.ts";

const CHANNELS = 2;
const SIZE = 8;
/** Tiles along one side: 8 − 3 + 1 = 6 outputs, two per tile. */
const TILES = 3;
const KERNEL = [
  [4, 0, 4],
  [0, 8, 0],
  [4, 4, 0],
];

export function mount(root: HTMLElement): () => void {
  const channels = Array.from({ length: CHANNELS }, (_, c) =>
    Array.from({ length: SIZE }, (_, y) => Array.from({ length: SIZE }, (_, x) => (3 * y + 5 * x + 2 * c + x * y) % 7)),
  );
  /** Of each tile, of each channel: the transformed patch, and the product's share of the output. */
  const tiles = Array.from({ length: TILES * TILES }, (_, tile) => {
    const [top, left] = [2 * Math.floor(tile / TILES), 2 * (tile % TILES)];
    return channels.map((image) => {
      const patch = image.slice(top, top + 4).map((row) => row.slice(left, left + 4));
      return scope(() => winogradSteps(F2, patch, KERNEL, true));
    });
  });
  const images = channels.map(
    (_, c) =>
      new NumberGrid({
        label: `Channel ${c} of the image: patches of 4x4, two apart`,
        cell: 30,
        onPick: (y, x) => steps.go(Math.min(y >> 1, TILES - 1) * TILES + Math.min(x >> 1, TILES - 1)),
      }),
  );
  const patches = channels.map((_, c) => new NumberGrid({ label: `B' d B of channel ${c}`, cell: 34 }));
  const matrices = Array.from(
    { length: 16 },
    (_, i) => new NumberGrid({ label: `position ${Math.floor(i / 4)},${i % 4}`, cell: 26 }),
  );
  const output = new NumberGrid({ label: "Output: 2x2 of each tile", cell: 36 });
  const library = scope(
    () => nn.functional.conv2d(tensor([channels]), tensor([channels.map(() => KERNEL)])).toArray() as number[][][][],
  )[0][0];
  const byTiles = library.map((row, y) =>
    row.map((_, x) => {
      const tile = tiles[(y >> 1) * TILES + (x >> 1)];
      return tile.reduce((sum, { output: part }) => sum + part[y & 1][x & 1], 0);
    }),
  );
  const difference = Math.max(...byTiles.flatMap((row, y) => row.map((value, x) => Math.abs(value - library[y][x]))));
  const words = h("p", { class: "sum", aria: { live: "polite" } });
  const steps = player(show, 900);

  function show(tile: number): void {
    const [top, left] = [2 * Math.floor(tile / TILES), 2 * (tile % TILES)];
    for (const image of images)
      image.mark((y, x) => {
        const isInside = y >= top && y < top + 4 && x >= left && x < left + 4;
        const isShared = isInside && (y < top + 2 ? 0 : 1) + (x < left + 2 ? 0 : 1) > 0;
        return isInside ? (isShared ? "hit" : "hit now") : "";
      });
    for (const [c, grid] of patches.entries()) grid.fill(tiles[tile][c].patch);
    for (const matrix of matrices) matrix.mark((_, column) => (column === tile ? "hit" : ""));
    output.mark((y, x) => ((y >> 1) * TILES + (x >> 1) === tile ? "hit" : ""));
    words.setAttribute("aria-live", steps.playing ? "off" : "polite");
    words.textContent = `Tile ${tile}: its ${CHANNELS} transformed patches become column ${tile} of all 16 matrices, one number in each.`;
  }
  for (const [c, grid] of images.entries()) grid.fill(channels[c]);
  for (const [i, grid] of matrices.entries())
    grid.fill(channels.map((_, c) => tiles.map((tile) => tile[c].patch[Math.floor(i / 4)][i % 4])));
  output.fill(byTiles);
  root.append(
    steps.element,
    h("div", { class: "drawing" }, ...images.map(({ element }) => element), ...patches.map(({ element }) => element)),
    h(
      "p",
      { class: "note" },
      `The 16 matrices have a row for each input channel and a column for each tile. Each is multiplied by the ` +
        `kernels' matrix of the same position, [output channels][input channels].`,
    ),
    h("div", { class: "drawing positions" }, ...matrices.map(({ element }) => element)),
    h("div", { class: "drawing" }, output.element),
    words,
    h(
      "p",
      { class: "note" },
      `Largest difference between the tiles and the library's conv2d: ${difference === 0 ? "0" : difference.toExponential(1)}.`,
    ),
  );
  steps.setSteps(TILES * TILES, 0);
  return steps.dispose;
}
