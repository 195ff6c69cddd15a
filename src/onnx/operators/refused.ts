import { DataError } from "../../errors.ts";
import type { Operator, OperatorTable } from "../operator.ts";

/** Operators that are refused for the same reason. */
function refused(reason: string, names: readonly string[]): OperatorTable {
  const operator: Operator = {
    refuse: () => reason,
    run(call) {
      throw new DataError(`${call.opType}: ${reason}`);
    },
  };
  return Object.fromEntries(names.map((name) => [name, operator]));
}

const QUANTISED = "the model is quantised, and its integers cannot be trained: export it with float weights";
const LOOPS = "loops are not supported: export the model with its loops unrolled";
const SEQUENCES = "lists of tensors and optional values are not supported";
const STRINGS = "strings are not supported: do this outside of the model";

/** Operators that are known and not supported, each with the reason. */
export const REFUSED: OperatorTable = {
  ...refused(QUANTISED, [
    "ConvInteger",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
  ]),
  ...refused(LOOPS, ["Loop", "Scan"]),
  ...refused(SEQUENCES, [
    "ConcatFromSequence",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "SplitToSequence",
  ]),
  ...refused(STRINGS, ["RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"]),
  ...refused("images are decoded outside of the model", ["ImageDecoder"]),
  ...refused("only RoiAlign is supported, which does not round regions to pixels", ["MaxRoiPool"]),
};
