/**
 * Writes the unrolled loop of assembly/matmul/micro_kernel.ts, between its two marks. AssemblyScript has no
 * macros, and a program writes the same six lines 16 times more reliably.
 * usage: tsx scripts/unroll_micro_kernel.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Steps per iteration. More steps hide the loop's own instructions better. But a processor that keeps few
 * decoded instructions (2,048 on AMD Zen 1, half of them if two threads share a core) has to decode a long
 * loop again in each iteration: 64 steps take 1.5 times as long there.
 */
const STEPS = 16;
const FILE = fileURLToPath(new URL("../assembly/matmul/micro_kernel.ts", import.meta.url));
const [BEGIN, END] = ["  // begin: written by scripts/unroll_micro_kernel.ts\n", "  // end\n"];

/** An address and a constant offset, as arguments of a load. */
const at = (pointer: string, offset: number) => (offset === 0 ? pointer : `${pointer}, ${offset}`);

/**
 * Step `k` of an iteration: for each row of the tile, adds a[k][row], in all lanes, times b[k] to the sums.
 */
function step(k: number): string {
  const b = [`b0123 = v128.load(${at("b", 32 * k)});`, `b4567 = v128.load(${at("b", 32 * k + 16)});`];
  const rows = [0, 1, 2, 3].map((row) =>
    [
      `row = v128.load32_splat(${at("a", 4 * row)});`,
      `acc${row}x0123 = mulAdd(acc${row}x0123, row, b0123);`,
      `acc${row}x4567 = mulAdd(acc${row}x4567, row, b4567);`,
    ].join(" "),
  );
  const exit = k + 1 < STEPS ? `if (k == ${k + 1}) break;` : "";
  return [b.join(" "), ...rows, `${exit} a += 16;`.trim()].map((line) => `    ${line}\n`).join("");
}

/**
 * Stores at the end of the loop body, which are never executed. They improve the code that V8 generates for
 * the rest: see assembly/matmul/machine_code.md.
 */
const pairs = [0, 1, 2, 3].map((row) => `        v128.store(c, v128.or(acc${row}x0123, acc${row}x4567));\n`);
const NEVER = `    if (k == NEVER) {\n      do {\n${pairs.join("")}      } while (--k);\n      break;\n    }\n`;

/** The source of the kernel, with the loop that this program writes. */
export function unrolled(source: string): string {
  const [begin, end] = [source.indexOf(BEGIN), source.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("unroll_micro_kernel: the marks of the loop are missing");
  const steps = Array.from({ length: STEPS }, (_, k) => step(k)).join("");
  const turn = `  do {\n${steps}${NEVER}    b += ${32 * STEPS};\n    k -= ${STEPS};\n  } while (k != 0);\n`;
  return source.slice(0, begin) + BEGIN + turn + source.slice(end);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, unrolled(readFileSync(FILE, "utf8")));
