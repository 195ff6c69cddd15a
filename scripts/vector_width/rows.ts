/** The table of kernels: what V8 packed in each, and what was in the way. */
import type { WasmFunction } from "./functions.ts";
import type { Packing } from "./trace.ts";

type State = "packed" | "partly" | "not" | "no vectors";

/** A kernel, or a function that one calls and that asc did not put into it. */
export interface Row {
  name: string;
  /** "assembly/matmul/gemm.ts". */
  file: string;
  isCalled: boolean;
  /** The kernel that calls it, or itself. */
  kernel: string;
  /** Per trace. */
  states: State[];
  packing?: Packing;
  vectors: number;
}

/** All pairs of stores are packed; where there are none, all pairs of operands. */
function stateOf(packing: Packing | undefined): State {
  if (!packing) return "no vectors";
  const { stores, operands } = packing;
  if (!packing.isPacked) return "not";
  const seeds = stores.found > 0 ? stores : operands;
  return seeds.packed === seeds.found ? "packed" : "partly";
}

/** The functions with vectors that `from` calls, and those that they call. */
function calledBy(from: WasmFunction, functions: ReadonlyMap<string, WasmFunction>, found = new Set<WasmFunction>()) {
  for (const name of from.calls) {
    const called = functions.get(name);
    if (!called || found.has(called)) continue;
    found.add(called);
    calledBy(called, functions, found);
  }
  return [...found].filter(({ vectors }) => vectors > 0);
}

/** Kernels by their files, each with what it calls. The details are those of the last trace. */
export function readRows(functions: readonly WasmFunction[], traces: readonly ReadonlyMap<number, Packing>[]): Row[] {
  const byName = new Map(functions.map((found) => [found.name, found]));
  const indices = new Map(functions.map((found, i) => [found, i]));
  const row = (found: WasmFunction, kernel: string, isCalled: boolean): Row => {
    const packings = traces.map((trace) => trace.get(indices.get(found) as number));
    return {
      name: isCalled ? (found.name.split("/").at(-1) as string) : kernel,
      file: `${found.name.replace(/\/\w+(~\w+|\|\w+)*$/, "")}.ts`,
      isCalled,
      kernel,
      states: packings.map(stateOf),
      packing: packings.at(-1),
      vectors: found.vectors,
    };
  };
  return functions
    .flatMap((found) => found.exports.map((kernel) => ({ found, own: row(found, kernel, false) })))
    .sort((a, b) => (a.own.file === b.own.file ? 0 : a.own.file < b.own.file ? -1 : 1))
    .flatMap(({ found, own }) => [own, ...calledBy(found, byName).map((called) => row(called, own.kernel, true))]);
}

export const HEADER = ["stores", "operands", "operations", "saved/cost", "in the way"] as const;

/** The cells of a row below HEADER. */
export function details({ packing, vectors }: Row): string[] {
  if (!packing) return ["", "", "", "", ""];
  const { stores, operands, decision, obstacles } = packing;
  const share = (part: number, whole: number) => (whole > 0 ? `${part}/${whole}` : "");
  return [
    share(stores.packed, stores.found),
    share(operands.packed, operands.found),
    share(2 * packing.pairs, vectors),
    decision ? `${decision.saved}/${decision.cost}` : "",
    Array.from(obstacles, ([name, count]) => (count > 1 ? `${count} x ${name}` : name)).join("; "),
  ];
}

/** How many kernels are in which state, by the last trace. */
export function summary(rows: readonly Row[]): string {
  const kernels = rows.filter(({ isCalled }) => !isCalled);
  const count = (state: State) => kernels.filter(({ states }) => states.at(-1) === state).length;
  return (
    `${kernels.length} kernels: ${count("packed")} packed, ${count("partly")} partly, ${count("not")} not, ` +
    `${count("no vectors")} without vectors`
  );
}
