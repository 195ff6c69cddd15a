import { DataError } from "../../../src/errors.ts";
import { noGrad, scope } from "../../../src/index.ts";
import type { OperatorTable } from "../../../src/onnx/operator.ts";
import {
  differenceFrom,
  isDrawn,
  type NodeTest,
  type Place,
  type TestTensor,
  toleranceOf,
  toValue,
} from "./node_tests.ts";
import { GraphRunner } from "./run_graph.ts";

export interface Outcome {
  /** "drawn": types and shapes are right; the values are random. */
  result: "passed" | "drawn" | "refused" | "wrong";
  /** Why it was refused, or what is wrong. */
  reason: string;
}

/** Runs a test. `change` alters the expected results, to see that the comparison can fail. */
export function runNodeTest(
  test: NodeTest,
  table: OperatorTable,
  { place = "usual" as Place, change = (x: TestTensor): TestTensor => x } = {},
): Outcome {
  try {
    const runner = new GraphRunner(test.model, table);
    // these two operators follow the module, not the file
    runner.training = /training/.test(test.name);
    const refusals = runner.refusals();
    if (refusals.length > 0) return { result: "refused", reason: [...new Set(refusals)].sort().join("; ") };
    return scope(() =>
      noGrad(() => {
        const outputs = runner.run(test.inputs.map((x) => toValue(x, place)));
        for (const [i, expected] of test.outputs.entries()) {
          const difference = differenceFrom(outputs[i], change(expected), toleranceOf(test));
          if (difference) return { result: "wrong", reason: `output ${i} ${difference}` } as const;
        }
        return { result: isDrawn(test) ? "drawn" : "passed", reason: "" } as const;
      }),
    );
  } catch (error) {
    // what depends on the values or shapes of inputs is refused when it runs
    if (error instanceof DataError) return { result: "refused", reason: error.message };
    return { result: "wrong", reason: String((error as Error)?.stack ?? error) };
  }
}
