/** Drawings of what a processor does: lanes, waiting, and the memory that a matrix product reads. */
import { GEMM_DEPTH_BLOCK, GEMM_ROW_BLOCK, LANES, MR, NR } from "../../src/runtime/kernels.generated.ts";
import { Drawing, type Tone } from "./svg.ts";

/** A vector addition: one instruction adds all lanes. */
export function lanes(): Drawing {
  const [a, b] = [
    [1, 2, 3, 4],
    [10, 20, 30, 40],
  ];
  const d = new Drawing("A vector addition adds four pairs of floats, lane by lane", 600, 232);
  const [left, width, height] = [130, 80, 34];
  const rows: [string, number[], Tone, number][] = [
    ["a", a, "blue", 40],
    ["b", b, "orange", 94],
    ["f32x4.add(a, b)", a.map((value, lane) => value + b[lane]), "green", 160],
  ];
  for (let lane = 0; lane < LANES; lane++) {
    const middle = left + (lane + 0.5) * width;
    d.text(middle, 28, `lane ${lane}`, { anchor: "middle", look: "faint" });
    d.text(middle, 88, "+", { anchor: "middle", look: "bold" });
    d.line(middle, 130, middle, 157, { arrow: true });
  }
  for (const [name, values, tone, y] of rows) {
    d.text(left - 12, y + 22, name, { anchor: "end", look: "code small" });
    values.forEach((value, lane) => {
      d.cell(left + lane * width, y, width, height, value, tone);
    });
  }
  d.text(left + LANES * width + 16, 62, "128 bits:");
  d.text(left + LANES * width + 16, 80, "4 floats of 32");
  d.text(left + LANES * width + 16, 182, "1 instruction");
  d.text(300, 218, "No lane reads another lane: four scalar additions, done at the same time.", {
    anchor: "middle",
    look: "faint",
  });
  return d;
}

/** Cycles until the result of an addition can be used, and additions that can start in each cycle. */
const [LATENCY, STARTS] = [4, 2];

/** The cycle in which addition i starts, if each addition needs the one `accumulators` before it. */
export function startsAt(i: number, accumulators: number): number {
  const starts: number[] = [];
  for (let n = 0; n <= i; n++) {
    const unit = n >= STARTS ? starts[n - STARTS] + 1 : 0;
    const operand = n >= accumulators ? starts[n - accumulators] + LATENCY : 0;
    starts.push(Math.max(unit, operand));
  }
  return starts[i];
}

/** Additions with one accumulator, and with eight, on one axis of time. */
export function latency(): Drawing {
  const d = new Drawing("Dependent additions wait for each other; independent additions overlap", 600, 478);
  const [left, cycle, height, cycles] = [116, 28, 16, 17];
  const part = (title: string, top: number, count: number, accumulators: number) => {
    d.text(12, top, title, { look: "bold" });
    for (let i = 0; i < count; i++) {
      const start = startsAt(i, accumulators);
      const tone: Tone = i % accumulators === 0 ? "blue" : "green";
      const name = accumulators === 1 ? "sum" : `sum${i % accumulators}`;
      d.text(left - 8, top + 22 + i * (height + 2), `${name} += x${i}`, { anchor: "end", look: "small code" });
      d.cell(left + start * cycle, top + 10 + i * (height + 2), LATENCY * cycle, height, "", tone);
    }
    return top + 10 + count * (height + 2);
  };
  const takes = (count: number, accumulators: number) =>
    `${count} additions in ${startsAt(count - 1, accumulators) + LATENCY} cycles`;
  const one = part(`One accumulator: ${takes(4, 1)}`, 24, 4, 1);
  const many = part(`Eight accumulators: ${takes(16, 8)}`, one + 34, 16, 8);
  for (let c = 0; c <= cycles; c++) {
    const x = left + c * cycle;
    d.line(x, many + 4, x, many + 9);
    if (c % 2 === 0) d.text(x, many + 23, String(c), { anchor: "middle", look: "small faint" });
  }
  d.text(left - 8, many + 23, "cycle", { anchor: "end", look: "small faint" });
  [`An addition takes ${LATENCY}`, `cycles; ${STARTS} can start`, "in each cycle."].forEach((line, i) => {
    d.text(left + 11.6 * cycle, one + 70 + 17 * i, line, { look: "small faint" });
  });
  return d;
}

const kilobytes = (floats: number) => `${(4 * floats) / 1024} KB`;

/** The blocks of gemm.ts over A, B and C, and the cache in which each stays. */
export function blocks(): Drawing {
  const d = new Drawing(
    "The blocks of a matrix product over A, B and C, and the cache that each is read from",
    620,
    404,
  );
  const [k, m, n] = [200, 150, 230];
  const [ax, ay] = [24, 210];
  const [bx, by] = [300, 40];
  const rows = 44;
  const columns = 26;
  d.text(ax, ay - 10, "A [M][K], packed", { look: "bold" });
  d.cell(ax, ay, k + 40, m, "", "cell");
  d.cell(ax, ay + 30, k, rows, "", "orange");
  d.text(ax + 6, ay + 48, `${GEMM_ROW_BLOCK} rows x ${GEMM_DEPTH_BLOCK} steps`, { look: "small" });
  d.text(ax + 6, ay + 64, `${kilobytes(GEMM_ROW_BLOCK * GEMM_DEPTH_BLOCK)}: stays in L2`, { look: "small" });
  d.text(bx, by - 12, "B [K][N], packed", { look: "bold" });
  d.cell(bx, by, n, 130, "", "cell");
  d.cell(bx + 50, by, columns, 108, "", "blue");
  d.text(bx + 50 + columns + 8, by + 42, `${NR} columns x ${GEMM_DEPTH_BLOCK} steps`, { look: "small" });
  d.text(bx + 50 + columns + 8, by + 58, `${kilobytes(NR * GEMM_DEPTH_BLOCK)}: stays in L1`, { look: "small" });
  d.text(bx + n, ay - 10, "C [M][N]", { anchor: "end", look: "bold" });
  d.cell(bx, ay, n, m, "", "cell");
  d.cell(bx, ay + 30, 150, rows, "", "green");
  d.frame(bx + 50, ay + 30, columns, 13);
  d.line(bx + 50 + columns + 2, ay + 37, bx + n + 8, ay + 26, { look: "strong" });
  d.text(bx + n + 12, ay + 22, `a tile: ${MR} x ${NR},`, { look: "small" });
  d.text(bx + n + 12, ay + 37, "in registers", { look: "small" });
  d.text(bx, ay + m + 16, "green: a block, which one thread computes", { look: "small" });
  d.line(bx + 50, by + 130, bx + 50, ay + 28, { look: "dashed" });
  d.line(bx + 50 + columns, by + 130, bx + 50 + columns, ay + 28, { look: "dashed" });
  d.line(ax + k + 40, ay + 36, bx + 48, ay + 36, { look: "dashed" });
  d.text(ax, 46, "The loops, from the outside:", { look: "small bold" });
  [
    `1  for each block of C`,
    `2    for each ${GEMM_DEPTH_BLOCK} steps of k`,
    `3      for each panel of B (L1)`,
    `4        for each tile of C:`,
    `           A's panels come from L2`,
    `5          for each step of k`,
  ].forEach((line, i) => {
    d.text(ax, 68 + 18 * i, line.replaceAll(" ", "\u00a0"), { look: "small code" });
  });
  return d;
}
