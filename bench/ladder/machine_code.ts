/**
 * Prints the machine code that V8 generates for a kernel's hottest loop: the innermost loop with the most
 * multiplications of vectors.
 * usage: npx tsx bench/ladder/machine_code.ts matmulRegisterTile [build/ladder.wasm]
 *
 * x64 only: it looks for the names of x64 instructions.
 */
import { execFileSync } from "node:child_process";
import { pathToFileURL } from "node:url";

/** Compiles everything at once with the optimizing compiler, and prints one function. */
const FLAGS = ["--no-liftoff", "--no-wasm-tier-up", "--no-wasm-lazy-compilation"];

/** Instantiates a module and prints the number of an export. */
const PROGRAM = `
const module = new WebAssembly.Module(require("node:fs").readFileSync(process.argv[1]));
const memory = new WebAssembly.Memory({ initial: 4, maximum: 65536, shared: true });
const { exports } = new WebAssembly.Instance(module, { env: { memory, abort() {} } });
console.log("number " + exports[process.argv[2]].name);
`;

export interface Instruction {
  /** Bytes from the function's start. */
  offset: number;
  text: string;
}

/** The instructions of `kernel` in a module. */
export function machineCode(kernel: string, wasm: string): Instruction[] {
  const run = (flags: string[]) =>
    execFileSync(process.execPath, [...flags, "-e", PROGRAM, wasm, kernel], { encoding: "utf8", maxBuffer: 1 << 28 });
  const number = /number (\d+)/.exec(run([]))![1];
  const listing = run([...FLAGS, `--print-wasm-code-function-index=${number}`]);
  return [...listing.matchAll(/^0x[0-9a-f]+ +([0-9a-f]+) +[0-9a-f]+ +(\S.*)$/gm)].map(([, offset, text]) => ({
    offset: Number.parseInt(offset, 16),
    text,
  }));
}

const count = (code: Instruction[], pattern: RegExp) => code.filter(({ text }) => pattern.test(text)).length;

/** A loop ends with a jump back to its start. Returns the innermost loop with the most multiplications. */
export function hottestLoop(code: Instruction[]): Instruction[] {
  const loops = code.flatMap(({ offset, text }) => {
    const target = /^j\w+ .*<\+0x([0-9a-f]+)>/.exec(text)?.[1];
    const start = target === undefined ? Infinity : Number.parseInt(target, 16);
    return start < offset ? [{ start, end: offset }] : [];
  });
  const innermost = loops.filter(
    (loop) => !loops.some((o) => o !== loop && o.start >= loop.start && o.end <= loop.end),
  );
  const bodies = innermost.map(({ start, end }) => code.filter(({ offset }) => offset >= start && offset <= end));
  return bodies.sort((a, b) => count(b, /mulps/) - count(a, /mulps/))[0] ?? [];
}

/** The figures that the chapter assembly/matmul/machine_code.md discusses. */
export function summary(loop: Instruction[]) {
  const registers = new Set(loop.flatMap(({ text }) => text.match(/xmm\d+/g) ?? []));
  return {
    instructions: loop.length,
    multiplications: count(loop, /mulps/),
    loadsOfVectors: count(loop, /^v?(movdqu|movups|movss|broadcastss)\s+xmm\d+,\[(?!r[bs]p)/),
    vectorRegisters: registers.size,
    spills: count(loop, /xmm.*\[r[bs]p/) + count(loop, /\[r[bs]p.*xmm/),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [kernel = "matmulRegisterTile", wasm = "build/ladder.wasm"] = process.argv.slice(2);
  const loop = hottestLoop(machineCode(kernel, wasm));
  for (const { offset, text } of loop) console.log(`${offset.toString(16).padStart(5)}  ${text}`);
  console.log(summary(loop));
}
