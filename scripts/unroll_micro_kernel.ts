/**
 * Writes the unrolled loops of the micro-kernels in assembly/matmul, between their two marks. AssemblyScript
 * has no macros, and a program writes the same lines many times more reliably.
 * usage: tsx scripts/unroll_micro_kernel.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [BEGIN, END] = ["  // begin: written by scripts/unroll_micro_kernel.ts\n", "  // end\n"];

/** How one tile is unrolled. */
interface Tile {
  readonly file: string;
  readonly rows: number;
  /**
   * Where the elements of A are: in one panel, [k][row], at `a`; or in rows, at `a0`, `a1` and so on, one
   * address for each row.
   */
  readonly a: "panel" | "rows";
  /**
   * Steps per iteration. More steps hide the loop's own instructions better. But a processor that keeps few
   * decoded instructions (2,048 on AMD Zen 1, half of them if two threads share a core) has to decode a long
   * loop again in each iteration: 64 steps of the 4x8 tile take 1.5 times as long there.
   */
  readonly steps: number;
  /** Panels of B, by the names of their addresses, and the columns of the vectors that are read of each. */
  readonly panels: readonly (readonly [address: string, columns: readonly string[]])[];
  /** Columns of a panel. */
  readonly panelColumns: 8 | 16;
  /** Code at the end of the loop body. */
  readonly last: string;
}

/**
 * Stores at the end of the loop body, which are never executed. They improve the code that V8 generates for
 * the rest: see assembly/matmul/machine_code.md.
 */
const pairs = [0, 1, 2, 3].map((row) => `        v128.store(c, v128.or(acc${row}x0123, acc${row}x4567));\n`).join("");
const NEVER = `    if (k == NEVER) {\n      do {\n${pairs}      } while (--k);\n      break;\n    }\n`;

const EIGHT = ["0123", "4567"];
const NEXT_EIGHT = ["89ab", "cdef"];

const TILES: readonly Tile[] = [
  { file: "micro_kernel.ts", rows: 4, a: "panel", steps: 16, panels: [["b", EIGHT]], panelColumns: 8, last: NEVER },
  {
    file: "micro_kernel_4x16.ts",
    rows: 4,
    a: "panel",
    steps: 8,
    panels: [
      ["b", EIGHT],
      ["right", NEXT_EIGHT],
    ],
    panelColumns: 8,
    last: "",
  },
  { file: "rows_4x8.ts", rows: 4, a: "rows", steps: 8, panels: [["b", EIGHT]], panelColumns: 16, last: "" },
  {
    file: "rows_6x16.ts",
    rows: 6,
    a: "rows",
    steps: 8,
    panels: [["b", [...EIGHT, ...NEXT_EIGHT]]],
    panelColumns: 16,
    last: "",
  },
];

/** An address and its constant offset, as arguments of a load. */
const at = (pointer: string, offset: number) => (offset === 0 ? pointer : `${pointer}, ${offset}`);

const rowsOf = ({ rows }: Tile) => Array.from({ length: rows }, (_, row) => row);

/** Step `k` of an iteration, by rows of the tile: A's element in all lanes times b[k], added to the sums. */
function step(tile: Tile, k: number): string {
  const { a, steps, panels, panelColumns } = tile;
  const columns = panels.flatMap(([, all]) => all);
  const loads = panels.flatMap(([address, all]) =>
    all.map((of, i) => `b${of} = v128.load(${at(address, 4 * panelColumns * k + 16 * i)});`),
  );
  const rows = rowsOf(tile).map((row) =>
    [
      `row = v128.load32_splat(${a === "panel" ? at("a", 4 * row) : at(`a${row}`, 4 * k)});`,
      ...columns.map((of) => `acc${row}x${of} = mulAdd(acc${row}x${of}, row, b${of});`),
    ].join(" "),
  );
  const exit = k + 1 < steps ? `if (k == ${k + 1}) break;` : "";
  const next = `${exit} ${a === "panel" ? "a += 16;" : ""}`.trim();
  return [loads.join(" "), ...rows, ...(next ? [next] : [])].map((line) => `    ${line}\n`).join("");
}

/** A kernel's source with the loop as this program writes it. */
export function unrolled(source: string, tile: Tile): string {
  const [begin, end] = [source.indexOf(BEGIN), source.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("unroll_micro_kernel: the marks of the loop are missing");
  const steps = Array.from({ length: tile.steps }, (_, k) => step(tile, k)).join("");
  const rows =
    tile.a === "rows"
      ? `    ${rowsOf(tile)
          .map((row) => `a${row} += ${4 * tile.steps};`)
          .join(" ")}\n`
      : "";
  const advance = tile.panels.map(([address]) => `    ${address} += ${4 * tile.panelColumns * tile.steps};\n`).join("");
  const turn = `  do {\n${steps}${tile.last}${rows}${advance}    k -= ${tile.steps};\n  } while (k != 0);\n`;
  return source.slice(0, begin) + BEGIN + turn + source.slice(end);
}

/** The kernels with an unrolled loop: where each is, and how its loop is unrolled. */
export const unrolledKernels = TILES.map((tile) => ({
  path: fileURLToPath(new URL(`../assembly/matmul/${tile.file}`, import.meta.url)),
  tile,
}));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, tile } of unrolledKernels) writeFileSync(path, unrolled(readFileSync(path, "utf8"), tile));
}
