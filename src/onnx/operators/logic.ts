import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { castHost, mapHost } from "../host/arithmetic.ts";
import { type HostType, HostValue, toTensor, type Value } from "../host_value.ts";
import type { Call, Operator, OperatorTable } from "../operator.ts";
import { asOperand, hostInputs, operands } from "./operands.ts";

type Method = "eq" | "lt" | "gt" | "le" | "ge" | "logicalAnd" | "logicalOr" | "logicalXor";

/** The comparison with its operands exchanged. */
const MIRRORED = { eq: "eq", lt: "gt", gt: "lt", le: "ge", ge: "le" } as const;

/** An operator of two operands with a bool result. */
const compare = (onHost: (a: number, b: number) => boolean, name: Method): Operator => ({
  run(call) {
    const host = hostInputs(call);
    if (host) return mapHost((a, b) => Number(onHost(a, b)), "bool", host[0], host[1]);
    const [a, b] = operands(call.inputs[0] as Value, call.inputs[1] as Value);
    if (typeof a !== "number") return a[name](b);
    return (b as Tensor)[MIRRORED[name as keyof typeof MIRRORED]](a);
  },
});

/** The elements of one of two values, as a condition says. */
function choose(call: Call): Value {
  const host = hostInputs(call);
  if (host) return mapHost((condition, a, b) => (condition !== 0 ? a : b), host[1].type, ...host);
  const [a, b] = call.inputs.slice(1) as Value[];
  // one of them stays a tensor, because it has the result's type
  return where(call.tensor(0), toTensor(a), a instanceof HostValue ? toTensor(b) : asOperand(b, a));
}

/**
 * Types by their numbers in a file, and the host's names of them. Those of 16-bit floats are computed in
 * float32.
 */
const TYPES: Readonly<Record<number, HostType>> = {
  1: "float",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float",
  11: "double",
  12: "uint32",
  13: "uint64",
  16: "float",
};

/** Integers of fewer than 32 bits: the number of values, and the smallest one. */
const NARROW: Partial<Record<HostType, [count: number, least: number]>> = {
  uint8: [2 ** 8, 0],
  int8: [2 ** 8, -(2 ** 7)],
  uint16: [2 ** 16, 0],
  int16: [2 ** 16, -(2 ** 15)],
};

/** Converts to a type. Tensors hold all floats as float32, and all integers as int32. */
function castTo(value: Value, type: HostType): Value {
  if (value instanceof HostValue) return castHost(value, type);
  if (type === "bool") return value.bool();
  if (type === "float" || type === "double") return value.float();
  const narrow = NARROW[type];
  if (!narrow) return value.int();
  const [count, least] = narrow;
  return value.int().sub(least).remainder(count).add(least);
}

/** The type of a value. */
function typeOf(value: Value): HostType {
  if (value instanceof HostValue) return value.type;
  return value.dtype === "float32" ? "float" : value.dtype;
}

/** Whether each element is an infinity of a sign that counts. */
function isInfinite(call: Call): Value {
  const positive = call.attributes.flag("detect_positive", true);
  const negative = call.attributes.flag("detect_negative", true);
  const x = call.float(0);
  if (positive && negative) return x.abs().eq(Infinity);
  if (positive) return x.eq(Infinity);
  return negative ? x.eq(-Infinity) : x.ne(x).logicalAnd(x.eq(x));
}

/** Comparisons, logic, choices and conversions between types. */
export const LOGIC: OperatorTable = {
  Equal: compare((a, b) => a === b, "eq"),
  Less: compare((a, b) => a < b, "lt"),
  Greater: compare((a, b) => a > b, "gt"),
  LessOrEqual: compare((a, b) => a <= b, "le"),
  GreaterOrEqual: compare((a, b) => a >= b, "ge"),
  And: compare((a, b) => a !== 0 && b !== 0, "logicalAnd"),
  Or: compare((a, b) => a !== 0 || b !== 0, "logicalOr"),
  Xor: compare((a, b) => a !== b, "logicalXor"),
  Not: {
    run(call) {
      const host = hostInputs(call);
      return host ? mapHost((x) => Number(x === 0), "bool", host[0]) : call.tensor(0).logicalNot();
    },
  },
  Where: { run: choose },
  IsNaN: { run: (call) => call.float(0).isNaN() },
  IsInf: { attributes: ["detect_negative", "detect_positive"], run: isInfinite },
  Cast: {
    attributes: ["to", "saturate", "round_mode"],
    refuse(node) {
      const to = node.attributes.int("to", 0);
      return TYPES[to] ? null : `type ${to}`;
    },
    run: (call) => castTo(call.inputs[0] as Value, TYPES[call.attributes.int("to", 0)]),
  },
  CastLike: {
    attributes: ["saturate", "round_mode"],
    run: (call) => castTo(call.inputs[0] as Value, typeOf(call.inputs[1] as Value)),
  },
};
