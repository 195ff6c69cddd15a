import { DataError } from "../../errors.ts";
import type { Operator, OperatorTable } from "../operator.ts";

/** Attributes of these operators: only the reason is to be reported, not each attribute as well. */
const ATTRIBUTES = [
  ...["auto_pad", "axis", "block_size", "body", "case_change_action", "delimiter", "dilations", "directions", "dtype"],
  ...[
    "group",
    "is_case_sensitive",
    "keepdims",
    "kernel_shape",
    "locale",
    "max_gram_length",
    "max_skip_count",
    "maxsplit",
  ],
  ...["min_gram_length", "mode", "new_axis", "ngram_counts", "ngram_indexes", "num_scan_inputs", "output_dtype"],
  ...["pads", "pattern", "pixel_format", "pool_int64s", "pool_strings", "precision", "saturate", "scan_input_axes"],
  ...["scan_input_directions", "scan_output_axes", "scan_output_directions", "stopwords", "strides", "type", "weights"],
];

/** Operators that are refused for the same reason. */
function refused(reason: string, names: readonly string[]): OperatorTable {
  const operator: Operator = {
    attributes: ATTRIBUTES,
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
};
