import { checkStateKind, describeState } from "../tensor/state_kind.ts";
import "../disposable.ts";
import { checkNumber, describe, isObject, readOptions } from "../checks.ts";
import { AutogradError, DTypeError, formatShape, OptionError, StateDictError } from "../errors.ts";
import { zeros } from "../tensor/fill.ts";
import { keep, scope } from "../tensor/lifetime/scope.ts";
import { noGrad, Tensor } from "../tensor/tensor.ts";

/** What every optimizer's options have: schedulers change it. */
export interface LearningRate {
  /** Learning rate. */
  lr: number;
}

/** Parameters that share options. The options may be changed between steps. */
export type ParamGroup<Options extends LearningRate> = Options & {
  params: Tensor[];
  /** The learning rate that a scheduler started from. */
  initialLr?: number;
};

/** Tensors (`model.parameters()`), or groups `{ params, lr, … }` whose options override the optimizer's. */
export type Params<Options> = Iterable<Tensor> | Iterable<Partial<Options> & { params: Iterable<Tensor> }>;

/** What an optimizer keeps for one parameter: numbers, and tensors of the parameter's shape. */
export type ParamState = Record<string, number | Tensor>;

/** What `stateDict()` gives: PyTorch's structure. Parameters are numbered in the order of the groups. */
export interface OptimizerStateDict {
  /** By the parameter's number; names are PyTorch's (`step`, `exp_avg`, `momentum_buffer` …). */
  state: Record<number, ParamState>;
  /** The options of each group, and the numbers of its parameters. */
  paramGroups: Record<string, unknown>[];
}

/**
 * Base of the optimizers: parameter groups and state. A subclass names its options, checks them, and updates parameters.
 * State is made at a parameter's first step and lives as long as the optimizer, whatever scope is open.
 */
export abstract class Optimizer<Options extends LearningRate = LearningRate> {
  readonly name: string;
  /** Options a group has unless it says otherwise. */
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

  /** What a parameter's state holds from its first step on, by name: a count of steps, or a tensor of the parameter's shape ("?": with some options only). */
  protected abstract readonly stateKinds: Readonly<Record<string, "count" | "tensor" | "tensor?">>;

  /** Throws an OptionError for a bad value. Called when a group is added, and before each step, as options may be changed. */
  protected abstract checkOptions(options: Options): void;

  /** Updates parameters of a group, all of which have a gradient, and their state in place. */
  protected abstract update(params: readonly Tensor[], group: ParamGroup<Options>): void;

  /** Adds parameters with options of their own, for example a layer to be fine-tuned. Matches `add_param_group`. */
  addParamGroup(group: Partial<Options> & { params: Iterable<Tensor> }): void {
    if (group === null || typeof group !== "object" || !("params" in group)) {
      throw new OptionError(`${this.name}: a group expected { params, ... }, got ${describeGroup(group)}`);
    }
    const { params: given, ...rest } = group;
    const options = readOptions(this.name, rest as unknown as Partial<Options>, this.defaults);
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

  /** Forgets all gradients (sets them to null), so that the next `backward()` starts anew. */
  zeroGrad(): void {
    for (const group of this.paramGroups) for (const param of group.params) param.grad = null;
  }

  /** Updates every parameter that has a gradient, or none where one was released. Allocates nothing after the first step. */
  step(): void {
    for (const group of this.paramGroups) {
      this.checkOptions(group);
      for (const param of group.params) if (param.grad) this.#expectLive(param, param.grad);
    }
    for (const group of this.paramGroups) {
      this.update(
        group.params.filter((param) => param.grad),
        group,
      );
    }
  }

  #expectLive(param: Tensor, grad: Tensor): void {
    if (!param.released && !grad.released) return;
    const name = `parameter of shape ${formatShape(param.shape)}`;
    param.handle.check(`${this.name}.step: a ${name}`);
    grad.handle.check(`${this.name}.step: the gradient of a ${name}`);
  }

  /** The state of a parameter, empty at first. */
  protected stateOf(param: Tensor): ParamState {
    let state = this.#state.get(param);
    if (!state) this.#state.set(param, (state = {}));
    return state;
  }

  /** A tensor of a parameter's state: zeros at first. */
  protected stateTensor(state: ParamState, name: string, param: Tensor): Tensor {
    return (state[name] ??= keep(zeros(param.shape))) as Tensor;
  }

  /**
   * Everything needed to go on where training stopped: state by parameter number, and options. Tensors are those in use, not
   * copies (as in PyTorch): the next step changes them.
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
   * Restores what `stateDict()` gave: options and state. Values are copied. Nothing changes when it throws.
   * @throws StateDictError when groups or numbers of parameters differ, or the state's names, shapes or dtypes; OptionError for a bad option.
   */
  loadStateDict(dict: OptimizerStateDict): void {
    const fail = (message: string): never => {
      throw new StateDictError(`${this.name}.loadStateDict: ${message}`);
    };
    checkStateKind(this.name, "optimizer", dict);
    if (typeof dict.state !== "object" || !dict.state || !Array.isArray(dict.paramGroups)) {
      fail("expected { state, paramGroups }");
    }
    const groups = dict.paramGroups;
    const known = ["params", "initialLr", ...Object.keys(this.defaults)];
    const foreign = groups.flatMap((group) => Object.keys(group ?? {})).find((option) => !known.includes(option));
    if (foreign !== undefined) {
      fail(`expected the state of ${this.name}, got ${describeState(dict)}: its groups have the option "${foreign}"`);
    }
    if (groups.length !== this.paramGroups.length) {
      fail(`expected ${this.paramGroups.length} parameter groups, got ${groups.length}`);
    }
    const byNumber = new Map<string, Tensor>();
    const options = groups.map((group, g) => {
      const { params: numbers, initialLr, ...rest } = group ?? {};
      const { params } = this.paramGroups[g];
      if (!Array.isArray(numbers) || numbers.length !== params.length) {
        return fail(`group ${g}: expected ${params.length} parameters, got ${(numbers as unknown[])?.length}`);
      }
      numbers.forEach((number, i) => {
        if (byNumber.has(String(number))) fail(`group ${g}: parameter ${number} appears twice`);
        byNumber.set(String(number), params[i]);
      });
      const read = readOptions(this.name, rest as Partial<Options>, this.defaults);
      this.checkOptions(read);
      return initialLr === undefined ? read : { ...read, initialLr: checkNumber(this.name, "initialLr", initialLr) };
    });
    const entries = Object.entries(dict.state).map(([number, values]): [Tensor, ParamState] => {
      const param = byNumber.get(number) ?? fail(`state of parameter ${number}, which is in no group`);
      if (!isObject(values)) {
        fail(`state of parameter ${number}: expected an object, got ${describe(values)}`);
      }
      const lacking = Object.keys(this.stateKinds).filter(
        (name) => !this.stateKinds[name].endsWith("?") && !Object.hasOwn(values, name),
      );
      if (lacking.length > 0 && Object.keys(values).length > 0) {
        fail(
          `state of parameter ${number}: expected ${lacking.join(", ")}, got only ${Object.keys(values).join(", ")}`,
        );
      }
      for (const [name, value] of Object.entries(values)) {
        this.#checkState(name, value, param, (expected, came) =>
          fail(`${name} of parameter ${number}: expected ${expected}, got ${came}`),
        );
      }
      return [param, values];
    });
    const loaded = this.#copyStates(entries);
    options.forEach((read, g) => {
      Object.assign(this.paramGroups[g], read);
    });
    const reused = new Set(loaded.flatMap(([, state]) => Object.values(state)));
    for (const value of this.#stateTensors()) if (!reused.has(value)) value.release();
    this.#state.clear();
    for (const [param, state] of loaded) this.#state.set(param, state);
  }

  #stateTensors(): Tensor[] {
    return [...this.#state.values()].flatMap(Object.values).filter((value) => value instanceof Tensor);
  }

  /**
   * Copies that outlive all scopes: in the tensors that hold the present state, where there are, since a large state may not fit twice.
   * Where memory runs out half-way, there are none, and the present state is as it was.
   */
  #copyStates(entries: readonly [Tensor, ParamState][]): [Tensor, ParamState][] {
    const present = new Set(this.#stateTensors().map(({ handle }) => handle.block));
    // what comes from the present state may belong to another parameter now: it must not be overwritten before it is read
    const isPresent = (value: number | Tensor) => value instanceof Tensor && present.has(value.handle.block);
    const own = entries.some(([, state]) => Object.values(state).some(isPresent)) ? undefined : this.#state;
    return scope(() => {
      const clones: Tensor[] = [];
      const overwritten: [Tensor, Tensor][] = [];
      const copy = (value: number | Tensor, before: number | Tensor | undefined) => {
        if (typeof value === "number") return value;
        if (before instanceof Tensor && !before.released) {
          overwritten.push([before, value]);
          return before;
        }
        clones.push(noGrad(() => value.clone()));
        return clones[clones.length - 1];
      };
      const copied = entries.map(([param, state]): [Tensor, ParamState] => [
        param,
        Object.fromEntries(Object.entries(state).map(([name, value]) => [name, copy(value, own?.get(param)?.[name])])),
      ]);
      for (const [target, value] of overwritten) target.copy_(value);
      for (const tensor of clones) keep(tensor);
      return copied;
    });
  }

  /** Releases the state (moments and the like) and forgets it; the parameters stay. `using optimizer = …` does so at the end of the block. */
  release(): void {
    for (const value of this.#stateTensors()) value.release();
    this.#state.clear();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #checkState(name: string, value: unknown, param: Tensor, fail: (expected: string, came: unknown) => never): void {
    const kind = Object.hasOwn(this.stateKinds, name) ? this.stateKinds[name] : undefined;
    const expected = `float32 ${formatShape(param.shape)}`;
    if (kind === undefined) fail(`one of ${Object.keys(this.stateKinds).join(", ")}`, "this name");
    if (kind === "count") {
      if (!Number.isInteger(value) || (value as number) < 0) fail("an integer >= 0", value);
    } else if (!(value instanceof Tensor)) fail(expected, value);
    else if (value.released) fail(expected, "a released tensor");
    else if (`${value.dtype} ${formatShape(value.shape)}` !== expected) {
      fail(expected, `${value.dtype} ${formatShape(value.shape)}`);
    }
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
    const came =
      typeof model?.parameters === "function" ? `${describe(values)}; pass its parameters()` : describe(values);
    throw new OptionError(`${name}: params expected an iterable of tensors or of groups { params, ... }, got ${came}`);
  }
  return [...values];
}

/** A coefficient of a running mean. */
export function checkFraction(op: string, name: string, value: unknown): void {
  checkNumber(op, name, value, 0, 1);
  if (value === 1) throw new OptionError(`${op}: ${name} expected a number in [0, 1), got 1`);
}

export function checkBetas(op: string, betas: readonly number[]): void {
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new OptionError(`${op}: betas expected two numbers, got ${JSON.stringify(betas)}`);
  }
  for (const [i, beta] of betas.entries()) checkFraction(op, `betas[${i}]`, beta);
}
