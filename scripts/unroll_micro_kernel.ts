/**
 * Writes the unrolled loops of assembly/matmul/micro_kernel.ts and micro_kernel_4x16.ts, between their two
 * marks. AssemblyScript has no macros, and a program writes the same lines many times more reliably.
 * usage: tsx scripts/unroll_micro_kernel.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROWS = [0, 1, 2, 3];
const [BEGIN, END] = ["  // begin: written by scripts/unroll_micro_kernel.ts\n", "  // end\n"];

/** How one tile is unrolled. */
interface Tile {
  readonly file: string;
  /**
   * Steps per iteration. More steps hide the loop's own instructions better. But a processor that keeps few
   * decoded instructions (2,048 on AMD Zen 1, half of them if two threads share a core) has to decode a long
   * loop again in each iteration: 64 steps of the 4x8 tile take 1.5 times as long there.
   */
  readonly steps: number;
  /** Panels of B, by the names of their addresses, and the columns of the two vectors of each. */
  readonly panels: readonly (readonly [address: string, columns: readonly [string, string]])[];
  /** Code at the end of the loop body. */
  readonly last: string;
}

/**
 * Stores at the end of the loop body, which are never executed. They improve the code that V8 generates for
 * the rest: see assembly/matmul/machine_code.md.
 */
const pairs = ROWS.map((row) => `        v128.store(c, v128.or(acc${row}x0123, acc${row}x4567));\n`).join("");
const NEVER = `    if (k == NEVER) {\n      do {\n${pairs}      } while (--k);\n      break;\n    }\n`;

const TILES: readonly Tile[] = [
  { file: "micro_kernel.ts", steps: 16, panels: [["b", ["0123", "4567"]]], last: NEVER },
  {
    file: "micro_kernel_4x16.ts",
    steps: 8,
    panels: [
      ["b", ["0123", "4567"]],
      ["right", ["89ab", "cdef"]],
    ],
    last: "",
  },
];

/** An address and its constant offset, as arguments of a load. */
const at = (pointer: string, offset: number) => (offset === 0 ? pointer : `${pointer}, ${offset}`);

/** Step `k` of an iteration: row by row of the tile, a[k][row] in all lanes times b[k], added to the sums. */
function step({ steps, panels }: Tile, k: number): string {
  const columns = panels.flatMap(([, both]) => both);
  const loads = panels.flatMap(([address, both]) =>
    both.map((of, half) => `b${of} = v128.load(${at(address, 32 * k + 16 * half)});`),
  );
  const rows = ROWS.map((row) =>
    [
      `row = v128.load32_splat(${at("a", 4 * row)});`,
      ...columns.map((of) => `acc${row}x${of} = mulAdd(acc${row}x${of}, row, b${of});`),
    ].join(" "),
  );
  const exit = k + 1 < steps ? `if (k == ${k + 1}) break;` : "";
  return [loads.join(" "), ...rows, `${exit} a += 16;`.trim()].map((line) => `    ${line}\n`).join("");
}

/** A kernel's source with the loop as this program writes it. */
export function unrolled(source: string, tile: Tile): string {
  const [begin, end] = [source.indexOf(BEGIN), source.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("unroll_micro_kernel: the marks of the loop are missing");
  const steps = Array.from({ length: tile.steps }, (_, k) => step(tile, k)).join("");
  const advance = tile.panels.map(([address]) => `    ${address} += ${32 * tile.steps};\n`).join("");
  const turn = `  do {\n${steps}${tile.last}${advance}    k -= ${tile.steps};\n  } while (k != 0);\n`;
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
