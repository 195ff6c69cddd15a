import { choiceFromEnvironment } from "../../runtime/environment.ts";
import { NR } from "../../runtime/kernels.generated.ts";
import { kernelsInUse } from "../../runtime/kernels.ts";

/**
 * The tile of C that the micro-kernel keeps in registers: 4x8 or 4x16 (assembly/matmul). Which one is faster
 * depends on the registers of the processor and on the width of its vectors, so it is measured. All tiles
 * give the same bits, because the order of each sum does not depend on the tile.
 */

/** The columns of each tile. */
const TILES = { "4x8": NR, "4x16": 2 * NR } as const;
type Tile = keyof typeof TILES;

/**
 * A race has this many rounds, at large products number 1, 2, 4, 8 and so on. Engines that first compile
 * without optimisation replace the code of a kernel after it has run for a while. Later rounds then measure
 * the optimised code.
 */
const ROUNDS = 9;
/** Multiplications that a round computes with each tile, in about a tenth of a millisecond. */
const ROUND_WORK = 1 << 22;
/** 4x16 is chosen if it is faster than 4x8 by this factor: the difference must exceed the noise. */
const MARGIN = 1.05;

/**
 * The tile that is used regardless of the race. Undefined until the environment variable WASMGRAD_TILE is
 * read.
 */
let forced: Tile | "auto" | undefined;
/** The build of the kernels that the fields below describe. */
let racing: unknown;
let products = 0;
/** The shortest time of each tile so far. */
let [time4x8, time4x16] = [Infinity, Infinity];
let columns: number = NR;

/** Forces a tile, for tests. "auto" starts a new race. Returns what was forced before. */
export function forceTile(tile: Tile | "auto"): Tile | "auto" {
  const before = forcedTile();
  forced = tile;
  racing = undefined;
  return before;
}

/** Starts a new race after the build of the kernels has changed. */
function followBuild(): void {
  const current = kernelsInUse();
  if (racing === current) return;
  racing = current;
  products = 0;
  [time4x8, time4x16] = [Infinity, Infinity];
  columns = NR;
}

function forcedTile(): Tile | "auto" {
  return (forced ??= choiceFromEnvironment("WASMGRAD_TILE", ["4x8", "4x16"]) ?? "auto");
}

/** The columns of the tile to use now. */
export function tileColumns(): number {
  const tile = forcedTile();
  if (tile !== "auto") return TILES[tile];
  followBuild();
  return columns;
}

/** Counts a large product. Returns whether it takes part in the race. */
export function isRacing(): boolean {
  if (forcedTile() !== "auto") return false;
  followBuild();
  if (products >= 2 ** (ROUNDS - 1)) return false;
  products++;
  return (products & (products - 1)) === 0;
}

/** A round of the race. `run` computes a part of a product of `work` multiplications with a tile. */
export function raceTiles(work: number, run: (columns: number) => void): void {
  const repeats = Math.ceil(ROUND_WORK / work);
  time4x8 = Math.min(time4x8, timeOf(repeats, run, TILES["4x8"]));
  time4x16 = Math.min(time4x16, timeOf(repeats, run, TILES["4x16"]));
  columns = time4x16 * MARGIN < time4x8 ? TILES["4x16"] : TILES["4x8"];
}

function timeOf(repeats: number, run: (columns: number) => void, columns: number): number {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) run(columns);
  return performance.now() - start;
}
