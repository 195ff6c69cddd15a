import "../disposable.ts";
import {
  checkBoolean,
  checkFunction,
  describe,
  describeReturned,
  isPromise,
  readOptions,
  refusePromise,
} from "../checks.ts";
import { OptionError } from "../errors.ts";
import { keep } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";
import { describeModule } from "./internal/describe.ts";
import { Parameter } from "./parameter.ts";
import { type LoadOptions, type LoadResult, loadInto, type StateDict } from "./state.ts";

/**
 * Base class of all networks and layers. Parameters, modules and registered buffers that are fields of the
 * class are found automatically; call `forward` directly. Matches `torch.nn.Module`.
 *
 * Names in `namedParameters()`, `namedBuffers()`, `namedModules()` and `stateDict()` are the fields'
 * paths: "encoder.0.weight".
 *
 * @example
 * ```ts
 * import { nn, type Tensor, zeros } from "wasmgrad";
 * class Net extends nn.Module {
 *   hidden = new nn.Linear(4, 8);
 *   out = new nn.Linear(8, 2);
 *   forward(x: Tensor): Tensor { return this.out.forward(this.hidden.forward(x).relu()); }
 * }
 * const net = new Net();
 * console.log(net.forward(zeros([1, 4])).shape, Object.keys(net.stateDict()));
 * ```
 */
export abstract class Module {
  /**
   * Names of fields in `stateDict()` and the other named lists, where they differ from the fields' own. The
   * layers use it for PyTorch's spelling: `{ runningMean: "running_mean" }`.
   */
  static readonly stateNames: Readonly<Record<string, string>> = {};

  /**
   * True (the default) while training: dropout drops and batch norm uses the batch's
   * statistics. See `train`, `eval`.
   */
  training = true;

  /** Registered buffers' fields, and whether `stateDict` holds them. */
  readonly #buffers = new Map<string, { persistent: boolean }>();

  /** Computes the module's output. */
  // biome-ignore lint/suspicious/noExplicitAny: each module has its own inputs and outputs
  abstract forward(...inputs: any[]): any;

  /**
   * Makes a tensor part of the module's state without being learnt (running statistics, masks). It is kept
   * beyond the scope that made it. Returns it, so that a class field can hold it:
   * `mean = this.registerBuffer("mean", zeros([3]))`.
   *
   * @param options `persistent` (default true): whether `stateDict()` holds it
   */
  registerBuffer<T extends Tensor | null>(name: string, tensor: T, options?: { persistent?: boolean }): T {
    const op = `${this.constructor.name}.registerBuffer`;
    const { persistent } = readOptions(op, options, { persistent: true });
    if (typeof name !== "string" || name === "" || name.includes(".")) {
      throw new OptionError(`${op}: expected a name without a dot, got ${JSON.stringify(name)}`);
    }
    if (tensor !== null && !(tensor instanceof Tensor)) throw new OptionError(`${op}: expected a tensor or null`);
    if (tensor instanceof Parameter) throw new OptionError(`${op}: "${name}" is a Parameter: assign it to a field`);
    this.#buffers.set(name, { persistent });
    (this as Record<string, unknown>)[name] = tensor && keep(tensor);
    return tensor;
  }

  /** The parameters, each once however often it is shared. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Parameters with their paths, in the order of the fields; a module's own come before its children's. */
  namedParameters(): [name: string, parameter: Parameter][] {
    return uniqueMembers(this, (module) => module.ownParameters());
  }

  /** The buffers, each once. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  namedBuffers(): [name: string, buffer: Tensor][] {
    return uniqueMembers(this, (module) => module.ownBuffers());
  }

  /** The modules that are fields of this one, each once. */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  namedChildren(): [name: string, child: Module][] {
    const names = new Map<Module, string>();
    for (const [name, child] of this.ownModules()) if (!names.has(child)) names.set(child, name);
    return [...names].map(([child, name]) => [name, child]);
  }

  /** This module and all below it, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** The same with their paths; this one's is "". */
  namedModules(): [name: string, module: Module][] {
    const found = new Map<Module, string>();
    const visit = (module: Module, path: string) => {
      if (found.has(module)) return;
      found.set(module, path);
      for (const [name, child] of module.namedChildren()) visit(child, join(path, name));
    };
    visit(this, "");
    return [...found].map(([module, path]) => [path, module]);
  }

  /** Sets `training` here and in all modules below. Returns this. */
  train(mode = true): this {
    checkBoolean(`${this.constructor.name}.train`, "mode", mode);
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** `train(false)` */
  eval(): this {
    return this.train(false);
  }

  /** Calls `fn` for every module below, then for this one: for initialising. Returns this. */
  apply(fn: (module: Module) => void): this {
    checkFunction(`${this.constructor.name}.apply`, "fn", fn);
    this.#expectTree();
    for (const child of this.children()) child.apply(fn);
    refusePromise(`${this.constructor.name}.apply`, fn(this));
    return this;
  }

  /** Sets `requiresGrad` of all parameters: `false` freezes the module. Returns this. */
  requiresGrad_(value = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = value;
    return this;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * All parameters and persistent buffers by path; shared ones under each of their paths. The tensors share
   * the module's memory, so clone what should stay unchanged while training continues.
   *
   * @throws OptionError where a module contains itself: a child must not keep its parent in a
   *   field that is not private.
   */
  stateDict(): StateDict {
    this.#expectTree();
    return Object.fromEntries([...this.#state("")].map(([path, tensor]) => [path, tensor.detach()]));
  }

  /**
   * Copies values into the parameters and buffers of the same paths. Everything is checked
   * before anything is written.
   *
   * @param options `strict` (default true): missing and unexpected names are errors;
   *   else they are only returned.
   * @throws StateDictError that lists all missing and unexpected names and all tensors
   *   of another shape or dtype.
   */
  loadStateDict(state: StateDict, options?: LoadOptions): LoadResult {
    this.#expectTree();
    return loadInto(this.constructor.name, this.#state(""), state, options);
  }

  /**
   * The module itself, as comparisons that know no more of it than `toString()` would call
   * modules of other weights equal.
   */
  valueOf(): this {
    return this;
  }

  /**
   * Releases all parameters and buffers, with their gradients: for models that are made one after another.
   * `using model = …` does so at the end of the block. A module that is only dropped is found by the
   * garbage collector, later.
   */
  release(): void {
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** The tree of layers, as PyTorch prints it, and the number of parameters. */
  toString(): string {
    return describeModule(this);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** What `toString()` shows in a layer's brackets: `3, 64, kernelSize=(3, 3)`. */
  extraRepr(): string {
    return "";
  }

  /** @internal The parameters that are fields of this module, without those of its children. */
  ownParameters(): [name: string, parameter: Parameter][] {
    return this.#fields().filter((field): field is [string, Parameter] => isParameter(field[1]));
  }

  /** @internal The modules that are fields of this one, under each of their names. */
  ownModules(): [name: string, module: Module][] {
    return this.#fields().filter((field): field is [string, Module] => isModule(field[1]));
  }

  /** @internal The buffers that are fields of this module, without those of its children. */
  ownBuffers(options: { persistentOnly?: boolean } = {}): [name: string, buffer: Tensor][] {
    const fields = this as unknown as Record<string, Tensor | null>;
    return [...this.#buffers].flatMap(([name, { persistent }]): [string, Tensor][] => {
      const tensor = fields[name];
      return tensor && (persistent || !options.persistentOnly) ? [[this.#stateName(name), tensor]] : [];
    });
  }

  #stateName(field: string): string {
    return (this.constructor as typeof Module).stateNames[field] ?? field;
  }

  #fields(): [name: string, value: unknown][] {
    return Object.entries(this).map(([field, value]) => [this.#stateName(field), value]);
  }

  /** Refuses a module that contains itself, on which a walk down the fields would not end. */
  #expectTree(around: readonly Module[] = []): void {
    if (around.includes(this)) {
      throw new OptionError(`${this.constructor.name}: a module contains itself: ${describeModule(this)}`);
    }
    for (const child of this.children()) child.#expectTree([...around, this]);
  }

  *#state(path: string): Generator<[path: string, tensor: Tensor]> {
    for (const [name, parameter] of this.ownParameters()) yield [join(path, name), parameter];
    for (const [name, buffer] of this.ownBuffers({ persistentOnly: true })) yield [join(path, name), buffer];
    for (const [name, child] of this.ownModules()) yield* child.#state(join(path, name));
  }
}

// `instanceof` another class is slow for tensors, as they inherit from a proxy (see brackets.ts): a plain
// tensor is recognised first
function isParameter(value: unknown): value is Parameter {
  const isTensor = value instanceof Tensor && Object.getPrototypeOf(value) !== Tensor.prototype;
  return isTensor && value instanceof Parameter;
}

function isModule(value: unknown): value is Module {
  return !(value instanceof Tensor) && value instanceof Module;
}

/** Refuses the output of a user's `forward` that is none. */
export function checkOutput(op: string, module: Module, output: unknown): void {
  if (output instanceof Tensor || (output !== undefined && output !== null && !isPromise(output))) return;
  throw new OptionError(
    `${op}: forward of ${module.constructor.name} expected to return a tensor, got ${describeReturned(output)}`,
  );
}

/** Checks that a user's value is a module. */
export function checkModule(op: string, name: string, value: unknown): void {
  if (!(value instanceof Module)) throw new OptionError(`${op}: ${name} expected a module, got ${describe(value)}`);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function uniqueMembers<T>(root: Module, own: (module: Module) => [string, T][]): [string, T][] {
  const paths = new Map<T, string>();
  for (const [path, module] of root.namedModules()) {
    for (const [name, member] of own(module)) if (!paths.has(member)) paths.set(member, join(path, name));
  }
  return [...paths].map(([member, path]) => [path, member]);
}
