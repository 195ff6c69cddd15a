/**
 * Times the cases of the test tables: checks each case as the tests do, then times it forward and backward.
 * It runs the sources rather than the built library, because the cases import parts of them.
 * usage: tsx cases.ts TIME THREADS NAME...
 */
import { scope, setNumThreads, type Tensor } from "wasmgrad";
import type { OpCase } from "../test/cases/case.ts";
import { allCases, casesByFamily, largeCases } from "../test/cases/index.ts";
import { checkCase, checkSome, drawInputs } from "../test/support/check_case.ts";
import { Coverage } from "../test/support/coverage.ts";
import { sample } from "./lib/measure.ts";
import { digits, printTable } from "./lib/table.ts";

const HEADER = ["", "forward µs", "rate", "", "backward µs", "rate", ""];
/** Long enough for V8 to replace its quick first translation of a kernel by the optimised one. */
const WARMUP_MS = { small: 5, large: 200 };

/** The ops with the given names, or of the families with the given names. */
function opsOf(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (name === "all") return Object.keys(allCases);
    const ops = name in casesByFamily ? Object.keys(casesByFamily[name]) : [name];
    if (ops.some((op) => !(op in allCases))) {
      const known = Object.entries(casesByFamily).map(
        ([family, cases]) => `${family}: ${Object.keys(cases).join(" ")}`,
      );
      console.error(`no cases of "${name}"; there are all, families and their ops:\n${known.join("\n")}`);
      process.exit(1);
    }
    return ops;
  });
}

/** Runs a check, and adds the name of the case to its error. */
function checked(name: string, check: () => void): void {
  try {
    scope(check);
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}: nothing is timed`, { cause: error });
  }
}

/** A rate and its unit, as two cells: "12.3", "GFLOP/s". */
function rate(amount: number, ms: number, unit: string): string[] {
  return amount > 0 ? [digits(amount / ms / 1e6), unit] : ["", ""];
}

/** The cells of one case: microseconds, and the rate of its work. */
function timeCase(testCase: OpCase, warmup: number, time: number): string[] {
  const { name, flops, run } = testCase;
  return scope(() => {
    const { tensors } = drawInputs(testCase);
    const constants = tensors.map((x) => x.detach());
    const measure = (body: () => unknown) => {
      sample(body, warmup);
      return sample(body, time);
    };
    const forward = measure(() => run(...constants));
    const result = run(...tensors);
    const bytes = 4 * [...constants, result].reduce((sum, x) => sum + x.numel(), 0);
    const cells = [
      name,
      digits(1000 * forward),
      ...(flops === undefined ? rate(bytes, forward, "GB/s") : rate(flops, forward, "GFLOP/s")),
    ];
    if (!result.requiresGrad) return [...cells, "", "", ""];
    const gradient = result.detach();
    const leaves = tensors.filter((x) => x.requiresGrad);
    const backward = measure(() => {
      for (const x of leaves) x.grad = null;
      result.backward(gradient, { retainGraph: true });
    });
    const operands = tensors.slice(0, 2).filter((x: Tensor) => x.requiresGrad).length;
    return [...cells, digits(1000 * backward), ...rate(operands * (flops ?? 0), backward, "GFLOP/s")];
  });
}

const [time, threads, ...names] = process.argv.slice(2);
setNumThreads(Number(threads));
for (const op of opsOf(names)) {
  const small = allCases[op];
  const large = largeCases[op] ?? [];
  for (const testCase of small) checked(testCase.name, () => checkCase(testCase, 16));
  for (const testCase of large) checked(testCase.name, () => checkSome(testCase, drawInputs(testCase)));
  const rows = [
    ...large.map((testCase) => timeCase(testCase, WARMUP_MS.large, Number(time))),
    ...small.map((testCase) => timeCase(testCase, WARMUP_MS.small, Number(time))),
  ];
  printTable(op, HEADER, rows);
}
const coverage = new Coverage();
for (const testCase of Object.values(allCases).flat()) coverage.see(testCase);
console.log(`\n${coverage}`);
