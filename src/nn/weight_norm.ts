import { noGrad } from "../autograd/grad_mode.ts";
import { checkInteger, checkNumber, describe, readOptions } from "../checks.ts";
import { OptionError, ShapeError } from "../errors.ts";
import { normalizeDim } from "../ops/core/array.ts";
import { randn } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { normalize } from "./functional/norm.ts";
import { checkModule, type Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

type Fields = Record<string, unknown>;

export interface WeightNormOptions {
  /** The parameter. Default: "weight". */
  name?: string;
  /** Each slice along this dimension has a separate length; null: one length. Default: 0. */
  dim?: number | null;
}

export interface SpectralNormOptions {
  /** The parameter. Default: "weight". */
  name?: string;
  /** Steps of the power method in each `forward` in training. Default: 1. */
  nPowerIterations?: number;
  /** The least length of a vector that is normalized. Default: 1e-12. */
  eps?: number;
  /** The dimension that becomes the rows of the matrix. Default: 0. */
  dim?: number;
}

/**
 * Makes a module's parameter a tensor that `compute` makes: once for each `forward`, and at each other
 * access.
 */
function computeField(module: Module, name: string, compute: () => Tensor): void {
  let value: Tensor | null = null;
  const hidden = { enumerable: false, configurable: true };
  Object.defineProperty(module, name, { get: () => value ?? compute(), ...hidden });
  const forward = module.forward.bind(module);
  const computed = (...inputs: unknown[]) => {
    value = compute();
    try {
      return forward(...inputs);
    } finally {
      value = null;
    }
  };
  Object.defineProperty(module, "forward", { value: computed, ...hidden });
}

function takeParameter(op: string, module: Module, name: string): Parameter {
  checkModule(op, "module", module);
  const fields = module as unknown as Fields;
  const parameter = Object.getOwnPropertyDescriptor(fields, name)?.value;
  if (!(parameter instanceof Parameter)) {
    throw new OptionError(`${op}: ${describe(name)} expected the name of a parameter in a field of the module`);
  }
  delete fields[name];
  return parameter;
}

/** The norm of each slice along a dimension: [1, …, n, …, 1]; of the whole tensor with null. */
function normExcept(v: Tensor, dim: number | null): Tensor {
  const dims = v.shape.map((_, d) => d).filter((d) => d !== dim);
  return v.square().sum(dims, { keepdim: true }).sqrt();
}

/**
 * Splits a parameter of a module into a length and a direction, `weight = g v / ‖v‖`, which are learned
 * instead. Their names in `stateDict()` are `weight_g` and `weight_v`. Returns the module. Matches
 * `torch.nn.utils.weight_norm`.
 *
 * @param options `name` "weight"; `dim` 0: each slice along it has a separate length; null: one length
 * @throws OptionError when the module has no such parameter.
 * see: Salimans & Kingma, Weight normalization, 2016
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * const layer = nn.utils.weightNorm(new nn.Linear(20, 40));
 * console.log(Object.keys(layer.stateDict())); // ["bias", "weight_g", "weight_v"]
 * ```
 */
export function weightNorm<M extends Module>(module: M, options?: WeightNormOptions): M {
  const fields = module as unknown as Fields;
  return splitParameter("weightNorm", module, options, (name, g, v) => {
    fields[`${name}_g`] = g;
    fields[`${name}_v`] = v;
  });
}

/** Splits a parameter into a length and a direction, which `keep` puts where `stateDict()` finds them. */
export function splitParameter<M extends Module>(
  op: string,
  module: M,
  options: WeightNormOptions | undefined,
  keep: (name: string, g: Parameter, v: Parameter) => void,
): M {
  const { name, dim } = readOptions(op, options, { name: "weight", dim: 0 as number | null });
  checkModule(op, "module", module);
  const rank = ((module as unknown as Fields)[name] as Tensor | undefined)?.shape?.length ?? 0;
  const axis = dim === null ? null : normalizeDim(op, dim, rank);
  const v = takeParameter(op, module, name);
  const g = new Parameter(noGrad(() => normExcept(v, axis)));
  keep(name, g, v);
  computeField(module, name, () => v.mul(g.div(normExcept(v, axis))));
  return module;
}

/**
 * Divides a parameter of a module by its largest singular value, which is estimated by one step of the power
 * method in each `forward` in training. In `stateDict()` the parameter is `weight_orig`, and the estimated
 * vectors are `weight_u` and `weight_v`. Returns the module. Matches `torch.nn.utils.spectral_norm`.
 *
 * @param options `name` "weight", `nPowerIterations` 1, `eps` 1e-12, `dim` 0 (the dimension that becomes the
 *   rows)
 * @throws OptionError when the module has no such parameter.
 * see: Miyato et al., Spectral normalization for generative adversarial networks, 2018
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * const layer = nn.utils.spectralNorm(new nn.Linear(20, 40));
 * console.log(layer.forward(zeros([2, 20])).shape); // [2, 40]
 * ```
 */
export function spectralNorm<M extends Module>(module: M, options?: SpectralNormOptions): M {
  return divideParameter("spectralNorm", module, options, (name, original, u, v) => {
    (module as unknown as Fields)[`${name}_orig`] = original;
    return [module.registerBuffer(`${name}_u`, u), module.registerBuffer(`${name}_v`, v)];
  });
}

/**
 * Divides a parameter by its largest singular value. `keep` puts the parameter and the two vectors where
 * `stateDict()` finds them, and returns the buffers of the vectors.
 */
export function divideParameter<M extends Module>(
  op: string,
  module: M,
  options: SpectralNormOptions | undefined,
  keep: (name: string, original: Parameter, u: Tensor, v: Tensor) => [u: Tensor, v: Tensor],
): M {
  const defaults = { name: "weight", nPowerIterations: 1, eps: 1e-12, dim: 0 };
  const { name, nPowerIterations, eps, dim } = readOptions(op, options, defaults);
  checkInteger(op, "nPowerIterations", nPowerIterations, 1);
  checkNumber(op, "eps", eps, 0);
  checkModule(op, "module", module);
  const shape = ((module as unknown as Fields)[name] as Tensor | undefined)?.shape ?? [];
  const axis = normalizeDim(op, dim, shape.length);
  const original = takeParameter(op, module, name);
  if (shape.length < 2) throw new ShapeError(`${op}: "${name}" expected two or more dimensions, got [${shape}]`);
  const order = [axis, ...shape.map((_, d) => d).filter((d) => d !== axis)];
  const matrixOf = (weight: Tensor) => (axis === 0 ? weight : weight.permute(order)).reshape([shape[axis], -1]);
  const unit = (x: Tensor) => normalize(x, { dim: 0, eps });
  const start = () => noGrad(() => [shape[axis], original.numel() / shape[axis]].map((n) => unit(randn([n]))));
  const [u, v] = keep(name, original, ...(start() as [Tensor, Tensor]));
  const improve = (times: number) =>
    noGrad(() => {
      const matrix = matrixOf(original);
      for (let i = 0; i < times; i++) {
        v.copy_(unit(matrix.t().matmul(u)));
        u.copy_(unit(matrix.matmul(v)));
      }
    });
  improve(15); // as PyTorch's parametrization does, so that the first estimate is close
  computeField(module, name, () => {
    if (module.training) improve(nPowerIterations);
    const [left, right] = noGrad(() => [u.clone(), v.clone()]);
    return original.div(left.matmul(matrixOf(original).matmul(right)));
  });
  return module;
}
