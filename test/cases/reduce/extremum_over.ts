import { at, build, type OpCase, type Ref } from "../case.ts";

/** amax or amin of a [2,3,5] tensor over dimensions. */
function overDims(name: "amax" | "amin", dims: number[], keepdim: boolean): OpCase {
  const full = [2, 3, 5];
  const kept = (d: number) => !dims.includes(d);
  const shape = full.flatMap((n, d) => (kept(d) ? [n] : keepdim ? [1] : []));
  const best = name === "amax" ? Math.max : Math.min;
  const reference = (x: Ref): Ref => {
    const sums = build(
      full.map((n, d) => (kept(d) ? n : 1)),
      () => (name === "amax" ? -Infinity : Infinity),
    );
    const strides = [sums.shape[1] * sums.shape[2], sums.shape[2], 1];
    build(full, (...index) => {
      const to = index.reduce((sum, i, d) => sum + (kept(d) ? i * strides[d] : 0), 0);
      sums.data[to] = best(sums.data[to], at(x, ...index));
      return 0;
    });
    return { shape, data: sums.data };
  };
  return {
    name: `${name} [${full}] over [${dims}]${keepdim ? " keepdim" : ""}`,
    inputs: [{ shape: full }],
    run: (x) => x[name](dims, { keepdim }),
    reference,
  };
}

export const extremumOverCases: OpCase[] = [
  overDims("amax", [1], false),
  overDims("amax", [0, 2], false),
  overDims("amax", [0, 1, 2], true),
  overDims("amin", [2], true),
  overDims("amin", [0, 1], false),
];
