import { DataError, formatShape } from "../../errors.ts";
import { pad } from "../../nn/functional/pad.ts";
import { arange } from "../../tensor/fill.ts";
import { stack } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Operator, OperatorTable } from "../operator.ts";
import { axisOf } from "./moved.ts";

/** The most elements of a table of angles: transforms are matrix products. */
const MAX_TABLE = 2 ** 24;

/** Real and imaginary parts; null: all imaginary parts are 0. */
interface Complex {
  re: Tensor;
  im: Tensor | null;
}

/** Cosines and sines of the angles 2 pi j k / n, [rows, columns]. */
function rotations(n: number, rows: number, columns: number): { cos: Tensor; sin: Tensor } {
  if (n < 1 || n * n > 2 ** 31 || rows * columns > MAX_TABLE) throw new DataError(`a transform of length ${n}`);
  // whole turns are left out exactly, before anything is rounded
  const turns = arange(rows).unsqueeze(1).mul(arange(columns)).remainder(n).flatten();
  const { cos, sin } = unitRoots(n);
  const tableOf = (x: Tensor) => x.indexSelect(0, turns).reshape([rows, columns]);
  return { cos: tableOf(cos), sin: tableOf(sin) };
}

/**
 * cos and sin of 2 pi k / n for k < n, from angles up to pi / 4: then they are as symmetric as the circle.
 */
function unitRoots(n: number): { cos: Tensor; sin: Tensor } {
  const k = arange(n).mul(8); // in eighths of a step
  const quarters = k
    .add(n)
    .floorDivide(2 * n)
    .remainder(4); // the nearest axis
  const rest = k.sub(
    k
      .add(n)
      .floorDivide(2 * n)
      .mul(2 * n),
  ); // from -n to n
  const angles = rest.float().mul((2 * Math.PI) / (8 * n));
  const [cos, sin] = [angles.cos(), angles.sin()];
  const isOdd = quarters.remainder(2).eq(1);
  const cosSign = quarters.add(1).remainder(4).lt(2).float().mul(2).sub(1); // 1, -1, -1, 1
  const sinSign = quarters.lt(2).float().mul(2).sub(1); // 1, 1, -1, -1
  return { cos: sin.where(isOdd, cos).mul(cosSign), sin: cos.where(isOdd, sin).mul(sinSign) };
}

/** The first n elements of the last dimension, with zeros if there are fewer. */
function fitted(x: Tensor, n: number): Tensor {
  const length = x.shape[x.dim() - 1];
  if (length === n) return x;
  return length > n ? x.narrow(-1, 0, n) : pad(x, [0, n - length]);
}

/** The transform of length n along the last dimension, of which `count` elements are computed. */
function transform(x: Complex, n: number, count: number, inverse: boolean): { re: Tensor; im: Tensor } {
  const { cos, sin } = rotations(n, n, count);
  const re = fitted(x.re, n);
  const turned = inverse ? sin : sin.neg();
  let result = { re: re.matmul(cos), im: re.matmul(turned) };
  if (x.im) {
    const im = fitted(x.im, n);
    result = { re: result.re.sub(im.matmul(turned)), im: result.im.add(im.matmul(cos)) };
  }
  return inverse ? { re: result.re.div(n), im: result.im.div(n) } : result;
}

/**
 * The real signal of length n whose transform is conjugate symmetric, from the first half of the transform.
 */
function realInverse(x: Complex, n: number): Tensor {
  const half = Math.floor(n / 2) + 1;
  const { cos, sin } = rotations(n, half, n);
  // all but the first element, and the last if n is even, stand for two
  const index = arange(half);
  const single = index.eq(0).logicalOr(index.mul(2).eq(n)).float();
  const weights = single.mul(-1).add(2).div(n);
  const re = fitted(x.re, half).mul(weights).matmul(cos);
  return x.im ? re.sub(fitted(x.im, half).mul(weights).matmul(sin)) : re;
}

/** Splits [..., 1 or 2] into parts. */
function partsOf(x: Tensor): Complex {
  const parts = x.shape[x.dim() - 1];
  if (x.dim() < 2 || (parts !== 1 && parts !== 2)) throw new DataError(`a signal ${formatShape(x.shape)}`);
  return { re: x.select(-1, 0), im: parts === 2 ? x.select(-1, 1) : null };
}

const dft: Operator = {
  attributes: ["axis", "inverse", "onesided"],
  run(call) {
    const x = call.float(0);
    const { attributes } = call;
    const given = call.opset < 20 ? attributes.int("axis", 1) : (call.optionalInts(2)?.[0] ?? -2);
    const axis = axisOf(given, x.dim());
    if (axis === x.dim() - 1) throw new DataError("the axis of the parts");
    const [inverse, onesided] = [attributes.flag("inverse", false), attributes.flag("onesided", false)];
    const { re, im } = partsOf(x);
    const last = (part: Tensor) => part.transpose(axis, part.dim() - 1); // its own inverse
    const signal = { re: last(re), im: im && last(im) };
    const usual = inverse && onesided ? 2 * (x.shape[axis] - 1) : x.shape[axis];
    const n = call.optionalInts(1)?.[0] ?? usual;
    if (inverse && onesided) return last(realInverse(signal, n)).unsqueeze(-1);
    const result = transform(signal, n, onesided ? Math.floor(n / 2) + 1 : n, inverse);
    return stack([last(result.re), last(result.im)], -1);
  },
};

const stft: Operator = {
  attributes: ["onesided"],
  run(call) {
    const signal = call.float(0);
    const step = call.number(1);
    const window = call.inputs[2] === undefined ? null : call.float(2);
    const length = call.optionalInts(3)?.[0] ?? window?.numel() ?? signal.shape[1];
    if (!(step >= 1) || !(length >= 1 && length <= signal.shape[1])) {
      throw new DataError(`frames of ${length} by ${step} of a signal ${formatShape(signal.shape)}`);
    }
    const framesOf = (part: Tensor) => {
      const frames = part.unfold(1, length, step);
      return window ? frames.mul(fitted(window, length)) : frames;
    };
    const { re, im } = partsOf(signal);
    const count = call.attributes.flag("onesided", true) ? Math.floor(length / 2) + 1 : length;
    const result = transform({ re: framesOf(re), im: im && framesOf(im) }, length, count, false);
    return stack([result.re, result.im], -1);
  },
};

/** Fourier transforms. */
export const SIGNAL: OperatorTable = { DFT: dft, STFT: stft };
