/**
 * Every rung of every ladder on all cases of its op, with canary bytes around each block, in the release
 * build and in the build with asserts.
 */
import { afterAll, describe, expect, test, vi } from "vitest";
import { scope, type Tensor } from "wasmgrad";
import { useLadderBuild } from "../../bench/ladder/build.ts";
import { convTranspose2dLadder } from "../../bench/ladder/conv_transpose2d.ts";
import { conv2dLadder } from "../../bench/ladder/conv2d.ts";
import { ladders } from "../../bench/ladder/ladders.ts";
import { matmulLadder } from "../../bench/ladder/matmul.ts";
import { maxPool2dLadder } from "../../bench/ladder/pool2d.ts";
import { sumLadder } from "../../bench/ladder/reduce.ts";
import type { Ladder, Rung } from "../../bench/ladder/rung.ts";
import { softmaxLadder } from "../../bench/ladder/softmax.ts";
import { broadcastShapes } from "../../src/ops/core/broadcast.ts";
import { apply } from "../../src/tensor/apply.ts";
import type { OpCase } from "../cases/case.ts";
import { conv2dCasesBy, convTranspose2dCasesBy } from "../cases/conv/conv2d.ts";
import { softmaxCasesBy } from "../cases/loss/softmax.ts";
import { matmulCasesBy } from "../cases/matmul/matmul.ts";
import { maxPool2dCasesBy } from "../cases/pool/pool2d.ts";
import { sumCasesBy } from "../cases/reduce/reduce.ts";
import { checkCase } from "../support/check_case.ts";
import { undamaged } from "../support/guard.ts";

vi.mock("../../src/runtime/memory.ts", async (importOriginal) => {
  const { guardMemory } = await import("../support/guard.ts");
  return guardMemory(await importOriginal());
});

/**
 * torch.matmul by a rung that takes stacks of equally many matrices on both sides. Other ops reshape vectors
 * and broadcast.
 */
function matmulBy(rung: Rung<unknown>, a: Tensor, b: Tensor): Tensor {
  const left = a.dim() === 1 ? a.unsqueeze(0) : a;
  const right = b.dim() === 1 ? b.unsqueeze(1) : b;
  const batch = broadcastShapes("matmul", left.shape.slice(0, -2), right.shape.slice(0, -2));
  const count = batch.reduce((product, length) => product * length, 1);
  const stack = (x: Tensor) => {
    const matrix = x.shape.slice(-2);
    return x.expand([...batch, ...matrix]).reshape([count, ...matrix]);
  };
  const c = apply(rung.op({}), stack(left), stack(right));
  const shape = [
    ...batch,
    ...(a.dim() === 1 ? [] : [left.shape.at(-2)!]),
    ...(b.dim() === 1 ? [] : [right.shape.at(-1)!]),
  ];
  return c.reshape(shape);
}

/** The case table of each op, run by one of its rungs. */
const tables: [Ladder, (rung: Rung) => OpCase[]][] = [
  entry(matmulLadder, (rung) => matmulCasesBy((a, b) => matmulBy(rung, a, b))),
  entry(conv2dLadder, (rung) => conv2dCasesBy((x, w, b, options) => apply(rung.op(options), x, w, b))),
  entry(convTranspose2dLadder, (rung) =>
    convTranspose2dCasesBy((x, w, b, options) => apply(rung.op(options), x, w, b)),
  ),
  entry(maxPool2dLadder, (rung) => maxPool2dCasesBy((x, options) => apply(rung.op(options), x))),
  entry(softmaxLadder, (rung) => softmaxCasesBy((x, options) => apply(rung.op(options), x))),
  entry(sumLadder, (rung) => sumCasesBy((x, options) => apply(rung.op(options), x))),
];

function entry<Options>(ladder: Ladder<Options>, casesBy: (rung: Rung<Options>) => OpCase[]): (typeof tables)[number] {
  return [ladder as Ladder, casesBy as (rung: Rung) => OpCase[]];
}

test("every ladder has a table of cases", () => {
  expect(tables.map(([ladder]) => ladder)).toEqual(ladders);
});

describe.each(["release", "debug"] as const)("%s", (build) => {
  for (const [ladder, casesBy] of tables) {
    for (const rung of ladder.rungs.filter(({ ships }) => !ships)) {
      describe(`${ladder.op} ${rung.number} ${rung.name}`, () => {
        test.each(casesBy(rung).map((c) => [c.name, c] as const))("%s", (_name, testCase) => {
          useLadderBuild(build);
          undamaged(() => scope(() => checkCase(testCase, build === "debug" ? 4 : undefined)));
        });
      });
    }
  }
});

afterAll(() => useLadderBuild("release"));
