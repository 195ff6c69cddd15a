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
export function weightNorm<M extends Module>(module: M, options?: { name?: string; dim?: number | null }): M {
  const op = "weightNorm";
  const { name, dim } = readOptions(op, options, { name: "weight", dim: 0 as number | null });
  checkModule(op, "module", module);
  const rank = ((module as unknown as Fields)[name] as Tensor | undefined)?.shape?.length ?? 0;
  const axis = dim === null ? null : normalizeDim(op, dim, rank);
  const v = takeParameter(op, module, name);
  const fields = module as unknown as Fields;
  const g = new Parameter(noGrad(() => normExcept(v, axis)));
  fields[`${name}_g`] = g;
  fields[`${name}_v`] = v;
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
export function spectralNorm<M extends Module>(
  module: M,
  options?: { name?: string; nPowerIterations?: number; eps?: number; dim?: number },
): M {
  const op = "spectralNorm";
  const defaults = { name: "weight", nPowerIterations: 1, eps: 1e-12, dim: 0 };
  const { name, nPowerIterations, eps, dim } = readOptions(op, options, defaults);
  checkInteger(op, "nPowerIterations", nPowerIterations, 1);
  checkNumber(op, "eps", eps, 0);
  checkModule(op, "module", module);
  const shape = ((module as unknown as Fields)[name] as Tensor | undefined)?.shape ?? [];
  const axis = normalizeDim(op, dim, shape.length);
  const original = takeParameter(op, module, name);
  if (shape.length < 2) throw new ShapeError(`${op}: "${name}" expected two or more dimensions, got [${shape}]`);
  const fields = module as unknown as Fields;
  const order = [axis, ...shape.map((_, d) => d).filter((d) => d !== axis)];
  const matrixOf = (weight: Tensor) => (axis === 0 ? weight : weight.permute(order)).reshape([shape[axis], -1]);
  const unit = (x: Tensor) => normalize(x, { dim: 0, eps });
  fields[`${name}_orig`] = original;
  const u = module.registerBuffer(
    `${name}_u`,
    noGrad(() => unit(randn([shape[axis]]))),
  );
  const v = module.registerBuffer(
    `${name}_v`,
    noGrad(() => unit(randn([original.numel() / shape[axis]]))),
  );
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
