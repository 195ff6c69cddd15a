import { DataError } from "../../../src/errors.ts";
import { noGrad, scope } from "../../../src/index.ts";
import type { Value } from "../../../src/onnx/host_value.ts";
import type { OnnxModule } from "../../../src/onnx/import/onnx_module.ts";
import { importOnnx } from "../../../src/onnx/index.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import {
  differenceFrom,
  isDrawn,
  type NodeTest,
  type Place,
  type TestTensor,
  toleranceOf,
  toValue,
} from "./node_tests.ts";

export interface Outcome {
  /** "drawn": types and shapes are right; the values are random. */
  result: "passed" | "drawn" | "refused" | "wrong";
  /** Why it was refused, or what is wrong. */
  reason: string;
}

/** A test's model. BatchNormalization and Dropout follow the module, not the file. */
export async function importTest({ name, model }: NodeTest): Promise<OnnxModule> {
  return (await importOnnx(model)).train(/training/.test(name));
}

/** Runs a test. `change` alters the expected results, to see that the comparison can fail. */
export async function runNodeTest(
  test: NodeTest,
  { place = "tensors" as Place, change = (x: TestTensor): TestTensor => x } = {},
): Promise<Outcome> {
  try {
    const module = await importTest(test);
    const differences = scope(() =>
      noGrad(() => {
        const outputs = compute(module, test, place);
        return test.outputs.map((expected, i) => differenceFrom(outputs[i], change(expected), toleranceOf(test)));
      }),
    );
    module.release();
    const wrong = differences.findIndex((difference) => difference !== null);
    if (wrong >= 0) return { result: "wrong", reason: `output ${wrong} ${differences[wrong]}` };
    return { result: isDrawn(test) ? "drawn" : "passed", reason: "" };
  } catch (error) {
    // what depends on the values or shapes of inputs is refused when it runs
    if (error instanceof DataError) return { result: "refused", reason: reasonOf(error) };
    return { result: "wrong", reason: String((error as Error)?.stack ?? error) };
  }
}

function compute(module: OnnxModule, test: NodeTest, place: Place): readonly Value[] {
  const inputs = test.inputs.map((x) => toValue(x, place));
  if (place !== "tensors") return module.evaluate(inputs);
  const outputs = module.forward(...(inputs as Tensor[]));
  return outputs instanceof Tensor ? [outputs] : Object.values(outputs);
}

/** What an error says, without counts and names of nodes: "operator Foo; Bar: mode x; Bar: attribute y". */
function reasonOf({ message }: DataError): string {
  const list = message.split("\n  ").slice(1);
  const reasons = list.flatMap((line) => {
    const [, kind, texts] = /^([^:]+): (.*)$/s.exec(line) ?? [];
    const found = [...(texts?.matchAll(/(.+?) \(\d+, first .*?"\)(?:, |$)/gs) ?? [])].map(([, what]) => what);
    if (kind === "operators") return found.map((what) => `operator ${what}`);
    if (kind === "attributes") return found.map((what) => what.replace(".", ": attribute "));
    return found.length > 0 ? found : [line];
  });
  return reasons.length > 0 ? reasons.sort().join("; ") : message;
}
