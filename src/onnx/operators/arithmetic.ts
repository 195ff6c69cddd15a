import { DataError } from "../../errors.ts";
import { add, div, maximum, minimum, mul, type Operand, pow, sub } from "../../tensor/functions.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { divide, mapHost, multiply, remainder } from "../host/arithmetic.ts";
import { type HostType, HostValue, toHost, toTensor, type Value } from "../host_value.ts";
import type { Call, Operator, OperatorTable } from "../operator.ts";
import { asOperand, hostInputs, isFloatValue, operands } from "./operands.ts";

type HostFunction = (type: HostType, a: number, b: number) => number;
type TensorFunction = (a: Operand, b: Operand) => Tensor;

/** The function of two values: on the host if both are there. */
function combine(a: Value, b: Value, onHost: HostFunction, onTensors: TensorFunction): Value {
  if (a instanceof HostValue && b instanceof HostValue) return mapHost((x, y) => onHost(a.type, x, y), a.type, a, b);
  const [x, y] = operands(a, b);
  return onTensors(x, y);
}

/** The inputs of a node with two. */
const pair = (call: Call): [Value, Value] => {
  const [a, b] = call.inputs;
  if (a === undefined || b === undefined) throw new DataError(`${call.opType} ${call.name}: expected two inputs`);
  return [a, b];
};

/** An operator of two operands, which broadcast. */
const binary = (onHost: HostFunction, onTensors: TensorFunction): Operator => ({
  run: (call) => combine(...pair(call), onHost, onTensors),
});

/** An operator of any number of operands, from left to right. */
const variadic = (onHost: HostFunction, onTensors: TensorFunction): Operator => ({
  run: (call) => (call.inputs as Value[]).reduce((a, b) => combine(a, b, onHost, onTensors)),
});

const plus: HostFunction = (_, a, b) => a + b;

/** Integers are divided towards zero. */
function divideTensors(a: Operand, b: Operand): Tensor {
  if (a instanceof Tensor && a.dtype !== "float32") return a.div(b, { roundingMode: "trunc" });
  if (b instanceof Tensor && b.dtype !== "float32") return b.mul(0).add(a).div(b, { roundingMode: "trunc" });
  return div(a, b);
}

const asTensor = (x: Operand, like: Operand): Tensor => (x instanceof Tensor ? x : (like as Tensor).mul(0).add(x));

/** The remainder: with `fmod`, of a division towards zero. */
function mod(call: Call): Value {
  const truncated = call.attributes.flag("fmod", false);
  const [a, b] = pair(call);
  return combine(
    a,
    b,
    (type, x, y) => remainder(type, x, y, truncated),
    (x, y) => (truncated ? asTensor(x, y).fmod(y) : asTensor(x, y).remainder(y)),
  );
}

/** A power of an integer to a whole exponent. */
function integerPower(type: HostType, base: number, exponent: number): number {
  if (exponent < 0) return base === 1 ? 1 : base === -1 ? (exponent % 2 === 0 ? 1 : -1) : 0;
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(type, result, square);
    square = multiply(type, square, square);
  }
  return result;
}

/** The power has the type of its base; the exponent may have another. */
function power(call: Call): Value {
  const [base, exponent] = pair(call);
  if (isFloatValue(base)) {
    const x = toTensor(base);
    const p = asOperand(exponent, x);
    return x.pow(p instanceof Tensor && p.dtype !== "float32" ? p.float() : p);
  }
  if (!isFloatValue(exponent)) {
    if (base instanceof HostValue && exponent instanceof HostValue) {
      return mapHost((x, y) => integerPower(base.type, x, y), base.type, base, exponent);
    }
    const [x, y] = operands(base, exponent);
    return pow(x, y);
  }
  return toTensor(base).float().pow(toTensor(exponent)).int();
}

/** The mean of all operands. */
function mean(call: Call): Value {
  const sum = (call.inputs as Value[]).reduce((a, b) => combine(a, b, plus, add));
  return toTensor(sum).div(call.inputs.length);
}

const BITS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  BitwiseAnd: (a, b) => a & b,
  BitwiseOr: (a, b) => a | b,
  BitwiseXor: (a, b) => a ^ b,
};

const isUnsigned = (type: HostType) => type.startsWith("u");
const widthOf = (type: HostType) => Number(type.replace(/\D/g, ""));

/** An integer of a type from its bits. */
function fromBits(type: HostType, bits: bigint): number {
  return Number(isUnsigned(type) ? BigInt.asUintN(widthOf(type), bits) : BigInt.asIntN(widthOf(type), bits));
}

/** An operator on the bits of integers, computed on the host. */
const bitwise = (f: (call: Call) => (a: bigint, b: bigint) => bigint): Operator => ({
  run(call) {
    const combineBits = f(call);
    const [a, b] = pair(call).map(toHost);
    return mapHost((x, y) => fromBits(a.type, combineBits(BigInt(x), BigInt(y))), a.type, a, b);
  },
});

/** Bits that are shifted out of the width are lost. A negative distance counts as the whole width. */
const shift = (call: Call) => {
  const isLeft = call.attributes.string("direction", "") === "LEFT";
  return (a: bigint, b: bigint) => {
    const distance = b < 0n || b > 64n ? 64n : b;
    return isLeft ? a << distance : a >> distance;
  };
};

/** Values that are limited to a range. If the range is empty, all become `max`. */
function clip(call: Call): Value {
  // attributes before opset 11
  const bound = (i: number, name: string, fallback: number) => {
    if (call.opset < 11) return call.attributes.float(name, fallback);
    return call.inputs[i] ? call.number(i) : fallback;
  };
  const [min, max] = [bound(1, "min", -Infinity), bound(2, "max", Infinity)];
  const [x] = call.inputs;
  if (x instanceof HostValue) return mapHost((v) => Math.min(Math.max(v, min), max), x.type, x);
  const limited = call.tensor(0);
  if (min > max) return limited.clamp({ min: max, max });
  const limits = { ...(min > -Infinity ? { min } : {}), ...(max < Infinity ? { max } : {}) };
  return "min" in limits || "max" in limits ? limited.clamp(limits) : limited;
}

/** An operator of one operand that integers have as well. */
const unary = (onHost: (x: number) => number, onTensor: (x: Tensor) => Tensor): Operator => ({
  run(call) {
    const host = hostInputs(call);
    return host ? mapHost(onHost, host[0].type, host[0]) : onTensor(call.tensor(0));
  },
});

/** Halves go to the even neighbour. */
function roundToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Arithmetic, which integers on the host take part in. */
export const ARITHMETIC: OperatorTable = {
  Add: { ...binary(plus, add), weights: { vectors: [0, 1] } },
  Sub: binary((_, a, b) => a - b, sub),
  Mul: { ...binary(multiply, mul), weights: { vectors: [0, 1] } },
  Div: binary(divide, divideTensors),
  Mod: { attributes: ["fmod"], run: mod },
  Pow: { run: power },
  Max: variadic((_, a, b) => Math.max(a, b), maximum),
  Min: variadic((_, a, b) => Math.min(a, b), minimum),
  Sum: variadic(plus, add),
  Mean: { run: mean },
  Abs: unary(Math.abs, (x) => x.abs()),
  Neg: unary(
    (x) => -x,
    (x) => x.neg(),
  ),
  Sign: unary(Math.sign, (x) => x.sign()),
  Floor: unary(Math.floor, (x) => x.floor()),
  Ceil: unary(Math.ceil, (x) => x.ceil()),
  Round: unary(roundToEven, (x) => x.round()),
  Clip: { attributes: ["min", "max"], run: clip },
  BitShift: { attributes: ["direction"], ...bitwise(shift) },
  BitwiseAnd: bitwise(() => BITS.BitwiseAnd),
  BitwiseOr: bitwise(() => BITS.BitwiseOr),
  BitwiseXor: bitwise(() => BITS.BitwiseXor),
  BitwiseNot: {
    run(call) {
      const x = call.host(0);
      return mapHost((v) => fromBits(x.type, ~BigInt(v)), x.type, x);
    },
  },
};
