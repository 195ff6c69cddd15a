import { noGrad } from "../autograd/grad_mode.ts";
import { checkInteger, checkNumber, readOptions } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { expectTensor } from "../tensor/apply.ts";
import { arange } from "../tensor/fill.ts";
import { cat } from "../tensor/functions.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { rand, randn } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Coefficients of erf⁻¹, near the middle and at the ends. see: Giles, Approximating the erfinv function, 2010
 */
const MIDDLE = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
];
const ENDS = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
  1.00167406, 2.83297682,
];

function inverseErf(x: Tensor): Tensor {
  const w = x.neg().add(1).mul(x.add(1)).log().neg();
  const polynomial = (coefficients: readonly number[], t: Tensor) =>
    coefficients.slice(1).reduce((sum, c) => sum.mul(t).add(c), t.mul(0).add(coefficients[0]));
  const middle = polynomial(MIDDLE, w.sub(2.5));
  const ends = polynomial(ENDS, w.clamp({ min: 0 }).sqrt().sub(3));
  return middle.where(w.lt(5), ends).mul(x);
}

/**
 * Fills a tensor with normal random numbers that lie in [a, b]. Matches `torch.nn.init.trunc_normal_`: `mean`
 * 0, `std` 1, `a` -2, `b` 2.
 *
 * @throws OptionError when b is not above a.
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * const layer = new nn.Linear(100, 100);
 * nn.init.truncNormal_(layer.weight, { std: 0.02 });
 * console.log(layer.weight.abs().max().item() <= 2); // true
 * ```
 */
export function truncNormal_(
  tensor: Tensor,
  options?: { mean?: number; std?: number; a?: number; b?: number },
): Tensor {
  const op = "truncNormal_";
  const { mean, std, a, b } = readOptions(op, options, { mean: 0, std: 1, a: -2, b: 2 });
  checkNumber(op, "mean", mean);
  checkNumber(op, "std", std, Number.MIN_VALUE);
  checkNumber(op, "a", a);
  if (!(checkNumber(op, "b", b) > a)) throw new OptionError(`${op}: expected a < b, got ${a} and ${b}`);
  expectTensor(op, "tensor", tensor);
  scope(() => {
    noGrad(() => {
      // erf(t / √2) is uniform between its values at the bounds
      const bounds = arange(0, 2, 1, { dtype: "float32" })
        .mul(b - a)
        .add(a - mean)
        .div(std * Math.SQRT2)
        .erf();
      const [low, high] = [bounds.select(0, 0), bounds.select(0, 1)];
      const uniform = rand(tensor.shape).mul(high.sub(low)).add(low).clamp({ min: -0.9999999, max: 0.9999999 });
      const values = inverseErf(uniform)
        .mul(std * Math.SQRT2)
        .add(mean);
      tensor.copy_(values.clamp({ min: a, max: b }));
    });
  });
  return tensor;
}

/**
 * Fills a tensor of two or more dimensions with `gain` times a random orthogonal matrix, whose rows or
 * columns (the fewer of them) are orthogonal; dimensions after the first are one. Matches
 * `torch.nn.init.orthogonal_`.
 *
 * @throws ShapeError for fewer than two dimensions.
 * see: Saxe, McClelland & Ganguli, Exact solutions to the nonlinear dynamics of learning, 2014
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * const { weight } = new nn.Linear(3, 3);
 * nn.init.orthogonal_(weight);
 * console.log(weight.matmul(weight.t()).diagonal().toArray()); // about [1, 1, 1]
 * ```
 */
export function orthogonal_(tensor: Tensor, gain = 1): Tensor {
  const op = "orthogonal_";
  expectTensor(op, "tensor", tensor);
  checkNumber(op, "gain", gain);
  if (tensor.dim() < 2) {
    throw new ShapeError(`${op}: expected two or more dimensions, got ${formatShape(tensor.shape)}`);
  }
  if (tensor.numel() === 0) return tensor;
  const rows = tensor.shape[0];
  const columns = tensor.numel() / rows;
  scope(() => {
    noGrad(() => {
      const vectors = randn([Math.min(rows, columns), Math.max(rows, columns)]);
      const done: Tensor[] = [];
      for (let i = 0; i < vectors.shape[0]; i++) {
        let v = vectors.narrow(0, i, 1);
        if (done.length > 0) {
          const before = cat(done, 0);
          // twice: the first subtraction leaves rounding errors of the size of what it removed
          for (let round = 0; round < 2; round++) v = v.sub(v.matmul(before.t()).matmul(before));
        }
        done.push(v.div(v.square().sum().sqrt()));
      }
      const matrix = cat(done, 0).mul(gain);
      tensor.copy_((rows <= columns ? matrix : matrix.t()).reshape(tensor.shape));
    });
  });
  return tensor;
}

/**
 * Fills the weight of a convolution [out, in, ...kernel] so that it passes its input on: 1 in the middle of
 * the kernel from each input channel to the output channel of the same number (in each of `groups`), 0
 * elsewhere. Matches `torch.nn.init.dirac_`.
 *
 * @throws ShapeError for other than three to five dimensions, and channels that are not a multiple of
 * `groups`.
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const conv = new nn.Conv2d(3, 3, { kernelSize: 3, padding: 1, bias: false });
 * nn.init.dirac_(conv.weight);
 * console.log(conv.forward(ones([1, 3, 2, 2])).sum().item()); // 12
 * ```
 */
export function dirac_(tensor: Tensor, groups = 1): Tensor {
  const op = "dirac_";
  expectTensor(op, "tensor", tensor);
  checkInteger(op, "groups", groups, 1);
  const [out, into, ...kernel] = tensor.shape;
  if (kernel.length < 1 || kernel.length > 3 || out % groups !== 0) {
    throw new ShapeError(
      `${op}: expected a weight of 3 to 5 dimensions for ${groups} groups, got ${formatShape(tensor.shape)}`,
    );
  }
  scope(() => {
    noGrad(() => {
      const perGroup = out / groups;
      const number = arange(0, out, { dtype: "int32" });
      const own = number.sub(number.div(perGroup).floor().int().mul(perGroup)).unsqueeze(1);
      const channels = own.eq(arange(0, into, { dtype: "int32" })).float();
      let taps = channels.reshape([out, into, ...kernel.map(() => 1)]);
      kernel.forEach((length, d) => {
        const middle = arange(0, length, { dtype: "int32" })
          .eq(Math.floor(length / 2))
          .float();
        taps = taps.mul(middle.reshape([1, 1, ...kernel.map((_, e) => (e === d ? length : 1))]));
      });
      tensor.copy_(taps);
    });
  });
  return tensor;
}
