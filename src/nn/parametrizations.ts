import { WasmgradError } from "../errors.ts";
import { Module } from "./module.ts";
import { divideParameter, type SpectralNormOptions, splitParameter, type WeightNormOptions } from "./weight_norm.ts";

/** Holds the tensors from which a parameter is computed, under PyTorch's names. */
class Parametrization extends Module {
  override forward(): never {
    throw new WasmgradError("Parametrization: has no forward(): it holds tensors");
  }
}

/** The place of a parameter's tensors: `parametrizations.<name>` of its module. */
function placeOf(module: Module, name: string): Parametrization & Record<string, unknown> {
  const fields = module as unknown as { parametrizations?: Record<string, unknown> };
  fields.parametrizations ??= new Parametrization() as unknown as Record<string, unknown>;
  const place = new Parametrization();
  fields.parametrizations[name] = place;
  return place as Parametrization & Record<string, unknown>;
}

/**
 * Splits a parameter of a module into a length and a direction, `weight = g v / ‖v‖`, which are learned
 * instead. Their names in `stateDict()` are `parametrizations.weight.original0` and `original1`. Returns the
 * module. Matches `torch.nn.utils.parametrizations.weight_norm`; `nn.utils.weightNorm` has the older names.
 *
 * @throws OptionError when the module has no such parameter.
 * see: Salimans & Kingma, Weight normalization, 2016
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * const layer = nn.utils.parametrizations.weightNorm(new nn.Linear(20, 40, { bias: false }));
 * console.log(Object.keys(layer.stateDict())[0]); // parametrizations.weight.original0
 * ```
 */
export function weightNorm<M extends Module>(module: M, options?: WeightNormOptions): M {
  return splitParameter("weightNorm", module, options, (name, g, v) => {
    Object.assign(placeOf(module, name), { original0: g, original1: v });
  });
}

/**
 * Divides a parameter of a module by its largest singular value, which is estimated by one step of the power
 * method in each `forward` in training. In `stateDict()` the parameter is `parametrizations.weight.original`,
 * and the estimated vectors are `parametrizations.weight.0._u` and `_v`. Returns the module. Matches
 * `torch.nn.utils.parametrizations.spectral_norm`; `nn.utils.spectralNorm` has the older names.
 *
 * @throws OptionError when the module has no such parameter.
 * see: Miyato et al., Spectral normalization for generative adversarial networks, 2018
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * const layer = nn.utils.parametrizations.spectralNorm(new nn.Linear(20, 40));
 * console.log(layer.forward(zeros([2, 20])).shape); // [2, 40]
 * ```
 */
export function spectralNorm<M extends Module>(module: M, options?: SpectralNormOptions): M {
  return divideParameter("spectralNorm", module, options, (name, original, u, v) => {
    const place = placeOf(module, name);
    const vectors = new Parametrization();
    Object.assign(place, { original, "0": vectors });
    return [vectors.registerBuffer("_u", u), vectors.registerBuffer("_v", v)];
  });
}
