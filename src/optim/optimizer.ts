import "../disposable.ts";
import { checkFunction, checkNumber, describe, readOptions, refusePromise } from "../checks.ts";
import { AutogradError, DTypeError, formatShape, OptionError, StateDictError } from "../errors.ts";
import type { NDArray } from "../ops/core/array.ts";
import { section } from "../ops/core/recorder.ts";
import { negated } from "../ops/optim/negated.ts";
import { withFrame } from "../runtime/frame.ts";
import { zeros } from "../tensor/fill.ts";
import { keep } from "../tensor/lifetime/scoped.ts";
import { checkStateKind, describeState } from "../tensor/state_kind.ts";
import { Tensor } from "../tensor/tensor.ts";
import {
  copyStates,
  type OptimizerStateDict,
  type ParamState,
  readStates,
  type StateKinds,
  tensorsOf,
} from "./optimizer_state.ts";

/** The option that all optimizers have. Schedulers change it. */
export interface LearningRate {
  /** Learning rate. */
  lr: number;
}

/** The option of all optimizers of this library but LBFGS. */
export interface Maximize {
  /** Whether to ascend: the sign of the gradient is changed. Default false. */
  maximize: boolean;
}

/** Parameters that share options. The options may be changed between steps. */
export type ParamGroup<Options extends LearningRate> = Options & {
  params: Tensor[];
  /** The learning rate at which a scheduler started. */
  initialLr?: number;
};

/** Tensors (`model.parameters()`), or groups `{ params, lr, … }` whose options override the optimizer's. */
export type Params<Options> = Iterable<Tensor> | Iterable<Partial<Options> & { params: Iterable<Tensor> }>;

/**
 * Base of the optimizers: parameter groups and state. A subclass declares and checks its options, and updates
 * the parameters. The state of a parameter is created at its first step; it lives as long as the optimizer
 * and belongs to no scope.
 */
export abstract class Optimizer<Options extends LearningRate = LearningRate> {
  readonly name: string;
  /** The options that groups use unless they override them. */
  readonly defaults: Options;
  /** Changing `paramGroups[0].lr` changes the learning rate of the next step. */
  readonly paramGroups: ParamGroup<Options>[] = [];
  readonly #state = new Map<Tensor, ParamState>();

  constructor(name: string, params: Params<Options>, options: Partial<Options> | undefined, defaults: Options) {
    this.name = name;
    this.defaults = { ...readOptions(name, options, defaults) };
    this.checkOptions(this.defaults);
    const given = listOf(name, params as Iterable<unknown>);
    if (given.length === 0) throw new OptionError(`${name}: expected at least one parameter, got none`);
    if (given[0] instanceof Tensor) this.addParamGroup({ params: given as Tensor[] } as never);
    else for (const group of given) this.addParamGroup(group as never);
    if (!this.paramGroups.some((group) => group.params.some((param) => param.requiresGrad))) {
      throw new OptionError(`${name}: no parameter has requiresGrad, so nothing could be learnt`);
    }
  }

  protected abstract readonly stateKinds: StateKinds;

  /**
   * Throws an OptionError for a bad value. Called when a group is added and before each step, because options
   * may be changed.
   */
  protected abstract checkOptions(options: Options): void;

  /** Updates parameters of a group and their state in place. All given parameters have a gradient. */
  protected abstract update(params: readonly Tensor[], group: ParamGroup<Options>): void;

  /**
   * Adds parameters with separate options, for example a layer to be fine-tuned. Matches `add_param_group`.
   */
  addParamGroup(group: Partial<Options> & { params: Iterable<Tensor> }): void {
    if (group === null || typeof group !== "object" || !("params" in group)) {
      throw new OptionError(`${this.name}: a group expected { params, ... }, got ${describeGroup(group)}`);
    }
    const { params: given, ...others } = group;
    const options = readOptions(this.name, others as unknown as Partial<Options>, this.defaults);
    this.checkOptions(options);
    const params = listOf(this.name, given) as Tensor[];
    if (params.length === 0) throw new OptionError(`${this.name}: a group expected at least one parameter, got none`);
    const taken = new Set(this.paramGroups.flatMap((other) => other.params));
    params.forEach((param, i) => {
      this.#checkParam(param, i);
      if (taken.has(param)) {
        throw new OptionError(`${this.name}: parameter ${i} of shape ${formatShape(param.shape)} appears twice`);
      }
      taken.add(param);
    });
    this.paramGroups.push({ ...options, params } as ParamGroup<Options>);
  }

  #checkParam(param: Tensor, i: number): void {
    if (!(param instanceof Tensor)) {
      throw new OptionError(`${this.name}: parameter ${i} expected a tensor, got ${describe(param)}`);
    }
    if (param.dtype !== "float32") {
      throw new DTypeError(`${this.name}: parameter ${i} expected float32, got ${param.dtype}`);
    }
    if (!param.isLeaf) {
      throw new AutogradError(`${this.name}: parameter ${i} of shape ${formatShape(param.shape)} is not a leaf tensor`);
    }
  }

  /** Sets all gradients to null, so that the next `backward()` does not add to them. */
  zeroGrad(): void {
    for (const group of this.paramGroups) for (const param of group.params) param.grad = null;
  }

  /**
   * Updates every parameter that has a gradient. Allocates no memory after the first step, except for the
   * negated gradients with `maximize`, which are freed when it ends. With a closure, which computes the loss
   * and its gradients before the update, `step` returns the loss.
   *
   * @throws ReleasedError when a parameter or a gradient was released; then nothing is updated.
   */
  step(): void;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    if (closure !== undefined) checkFunction(`${this.name}.step`, "closure", closure);
    const loss = closure && refusePromise(`${this.name}.step`, closure());
    this.expectLiveParams();
    section(`${this.name}.step`, () => {
      for (const group of this.paramGroups) {
        const params = group.params.filter((param) => param.grad);
        withFrame(() => this.update(params, group));
      }
    });
    return loss;
  }

  /** Checks the options, and that no parameter or gradient was released. */
  protected expectLiveParams(): void {
    for (const group of this.paramGroups) {
      this.checkOptions(group);
      for (const param of group.params) if (param.grad) this.#expectLive(param, param.grad);
    }
  }

  #expectLive(param: Tensor, grad: Tensor): void {
    if (!param.released && !grad.released) return;
    const name = `parameter of shape ${formatShape(param.shape)}`;
    param.handle.check(`${this.name}.step: a ${name}`);
    grad.handle.check(`${this.name}.step: the gradient of a ${name}`);
  }

  /** @internal The gradient that `update` descends: that of `param`, or its negative with `maximize`. */
  protected gradientOf(param: Tensor, { maximize }: Maximize): NDArray {
    const { array } = param.grad as Tensor;
    return maximize ? negated(array) : array;
  }

  /** The state of a parameter; initially empty. */
  protected stateOf(param: Tensor): ParamState {
    let state = this.#state.get(param);
    if (!state) this.#state.set(param, (state = {}));
    return state;
  }

  /** A tensor of a parameter's state; initially zeros. */
  protected stateTensor(state: ParamState, name: string, param: Tensor): Tensor {
    return (state[name] ??= keep(zeros(param.shape))) as Tensor;
  }

  /**
   * Everything needed to resume training: the state by parameter number, and the options. As in PyTorch, the
   * tensors are not copies: the next step changes them.
   */
  stateDict(): OptimizerStateDict {
    const state: Record<number, ParamState> = {};
    let number = 0;
    const paramGroups = this.paramGroups.map(({ params, ...options }) => {
      const numbers = params.map((param) => {
        const own = this.#state.get(param);
        if (own) state[number] = { ...own };
        return number++;
      });
      return { ...structuredClone(options), params: numbers };
    });
    return { state, paramGroups };
  }

  /**
   * Restores the options and the state from a result of `stateDict()`. Values are copied. Changes nothing if
   * it throws.
   *
   * @throws StateDictError when the groups, the numbers of parameters, or the names, shapes or dtypes of the
   * state differ; OptionError for a bad option.
   */
  loadStateDict(dict: OptimizerStateDict): void {
    checkStateKind(this.name, "optimizer", dict);
    const { options, params } = this.readGroups(dict);
    const loaded = copyStates(readStates(this.name, dict.state, params, this.stateKinds), this.#state);
    options.forEach((read, g) => {
      Object.assign(this.paramGroups[g], read);
    });
    const reused = new Set(loaded.flatMap(([, state]) => Object.values(state)));
    for (const value of tensorsOf(this.#state)) if (!reused.has(value)) value.release();
    this.#state.clear();
    for (const [param, state] of loaded) this.#state.set(param, state);
  }

  /**
   * Checks the groups of a saved state. Returns the options of each group, and the parameters by their saved
   * numbers.
   */
  protected readGroups({ state, paramGroups }: OptimizerStateDict): {
    options: Options[];
    params: Map<string, Tensor>;
  } {
    const fail = (message: string): never => {
      throw new StateDictError(`${this.name}.loadStateDict: ${message}`);
    };
    if (typeof state !== "object" || !state || !Array.isArray(paramGroups)) fail("expected { state, paramGroups }");
    const known = ["params", "initialLr", ...Object.keys(this.defaults)];
    const foreign = paramGroups.flatMap((group) => Object.keys(group ?? {})).find((option) => !known.includes(option));
    if (foreign !== undefined) {
      const actual = describeState({ state, paramGroups });
      fail(`expected the state of ${this.name}, got ${actual}: its groups have the option "${foreign}"`);
    }
    if (paramGroups.length !== this.paramGroups.length) {
      fail(`expected ${this.paramGroups.length} parameter groups, got ${paramGroups.length}`);
    }
    const byNumber = new Map<string, Tensor>();
    const options = paramGroups.map((group, g) => {
      const { params: numbers, initialLr, ...others } = group ?? {};
      const { params } = this.paramGroups[g];
      if (!Array.isArray(numbers) || numbers.length !== params.length) {
        return fail(`group ${g}: expected ${params.length} parameters, got ${(numbers as unknown[])?.length}`);
      }
      numbers.forEach((number, i) => {
        if (byNumber.has(String(number))) fail(`group ${g}: parameter ${number} appears twice`);
        byNumber.set(String(number), params[i]);
      });
      const read = readOptions(this.name, others as Partial<Options>, this.defaults);
      this.checkOptions(read);
      return initialLr === undefined ? read : { ...read, initialLr: checkNumber(this.name, "initialLr", initialLr) };
    });
    return { options, params: byNumber };
  }

  /**
   * Releases the state (such as moments). The parameters stay. `using optimizer = …` calls this at the end of
   * the block.
   */
  release(): void {
    for (const value of tensorsOf(this.#state)) value.release();
    this.#state.clear();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

function describeGroup(group: unknown): string {
  const isNamed = Array.isArray(group) && group.some((item) => item instanceof Tensor);
  return isNamed ? "an array with a tensor; pass parameters(), not namedParameters()" : describe(group);
}

function listOf(name: string, values: Iterable<unknown>): unknown[] {
  const model = values as { parameters?: unknown };
  if (
    typeof model?.parameters === "function" ||
    typeof values?.[Symbol.iterator] !== "function" ||
    typeof values === "string"
  ) {
    const actual =
      typeof model?.parameters === "function" ? `${describe(values)}; pass its parameters()` : describe(values);
    throw new OptionError(
      `${name}: params expected an iterable of tensors or of groups { params, ... }, got ${actual}`,
    );
  }
  return [...values];
}
