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
import { HookedModule } from "./hooks.ts";
import { describeModule } from "./internal/describe.ts";
import { Parameter } from "./parameter.ts";
import { type LoadOptions, type LoadResult, loadInto, type StateDict } from "./state.ts";

/**
 * Base class of all networks and layers. Parameters, modules and registered buffers in fields of the class
 * are found automatically. Call `forward` directly. Matches `torch.nn.Module`.
 *
 * Names in `namedParameters()`, `namedBuffers()`, `namedModules()` and `stateDict()` are paths of fields,
 * such as "encoder.0.weight".
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
export abstract class Module extends HookedModule {
  /**
   * Maps fields to their names in `stateDict()` and in the other named lists, where the two differ. Layers
   * use this for PyTorch's spelling: `{ runningMean: "running_mean" }`.
   */
  static readonly stateNames: Readonly<Record<string, string>> = {};

  /**
   * True (the default) in training mode, where dropout drops elements and batch norm uses batch statistics.
   * See `train` and `eval`.
   */
  training = true;

  /** Fields of registered buffers, and whether `stateDict` includes them. */
  readonly #buffers = new Map<string, { persistent: boolean }>();

  /** Computes the module's output. */
  // biome-ignore lint/suspicious/noExplicitAny: each module has its own inputs and outputs
  abstract forward(...inputs: any[]): any;

  /**
   * Registers a tensor that is part of the module's state but is not learned (running statistics, masks). The
   * current scope does not release it. Returns the tensor, so that it can be assigned to a class field:
   * `mean = this.registerBuffer("mean", zeros([3]))`.
   *
   * @param options `persistent` (default true): whether `stateDict()` includes it
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

  /** All parameters. A shared parameter is listed once. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /**
   * Parameters with their paths, in the order of the fields; a module's parameters precede those of its
   * children.
   */
  namedParameters(): [name: string, parameter: Parameter][] {
    return uniqueMembers(this, (module) => module.ownParameters());
  }

  /** All buffers, each listed once. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  namedBuffers(): [name: string, buffer: Tensor][] {
    return uniqueMembers(this, (module) => module.ownBuffers());
  }

  /** The modules in fields of this one, each listed once. */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  namedChildren(): [name: string, child: Module][] {
    const names = new Map<Module, string>();
    for (const [name, child] of this.ownModules()) if (!names.has(child)) names.set(child, name);
    return [...names].map(([child, name]) => [name, child]);
  }

  /** This module and all its descendants, each listed once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** This module and all its descendants with their paths; the path of this module is "". */
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

  /** Sets `training` of this module and all its descendants. Returns this. */
  train(mode = true): this {
    checkBoolean(`${this.constructor.name}.train`, "mode", mode);
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** `train(false)` */
  eval(): this {
    return this.train(false);
  }

  /**
   * Calls `fn` for all descendants, then for this module, for example to initialise weights. Returns this.
   */
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

  /** Sets the gradients of all parameters to null. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * All parameters and persistent buffers by path. A shared tensor is listed under each of its paths. The
   * tensors share the module's memory: clone them if they must not change when training continues.
   *
   * @throws OptionError when a module contains itself. A child may refer to its parent only in a private
   *   field.
   */
  stateDict(): StateDict {
    this.#expectTree();
    return Object.fromEntries([...this.#state("")].map(([path, tensor]) => [path, tensor.detach()]));
  }

  /**
   * Copies values into the parameters and buffers with the same paths. Everything is checked before anything
   * is written.
   *
   * @param options `strict` (default true): missing and unexpected names are errors. With false they are only
   *   returned.
   * @throws StateDictError that lists all missing and unexpected names and all tensors with a wrong shape or
   *   dtype.
   */
  loadStateDict(state: StateDict, options?: LoadOptions): LoadResult {
    this.#expectTree();
    return loadInto(this.constructor.name, this.#state(""), state, options);
  }

  /**
   * Returns the module itself. Otherwise comparisons by `toString()` would treat modules with different
   * weights as equal.
   */
  override valueOf(): this {
    return this;
  }

  /**
   * Releases the memory of all parameters, buffers and gradients. Useful when many models are created one
   * after another. `using model = …` calls it at the end of the block. Otherwise the memory is released when
   * the garbage collector finds the module.
   */
  release(): void {
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** The tree of layers in PyTorch's format, and the number of parameters. */
  override toString(): string {
    return describeModule(this);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** The text in brackets after a layer's name in `toString()`: `3, 64, kernelSize=(3, 3)`. */
  extraRepr(): string {
    return "";
  }

  /** @internal The parameters in fields of this module, without those of its children. */
  ownParameters(): [name: string, parameter: Parameter][] {
    return this.#fields().filter((field): field is [string, Parameter] => isParameter(field[1]));
  }

  /** @internal The modules in fields of this one. A module in several fields is listed under each name. */
  ownModules(): [name: string, module: Module][] {
    return this.#fields().filter((field): field is [string, Module] => isModule(field[1]));
  }

  /** @internal The buffers of this module, without those of its children. */
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

  /** Throws if a module contains itself, because a traversal of its fields would not end. */
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

// `instanceof Parameter` is slow for tensors, which inherit from a proxy (see brackets.ts), so plain tensors
// are recognised first
function isParameter(value: unknown): value is Parameter {
  const isTensor = value instanceof Tensor && Object.getPrototypeOf(value) !== Tensor.prototype;
  return isTensor && value instanceof Parameter;
}

function isModule(value: unknown): value is Module {
  return !(value instanceof Tensor) && value instanceof Module;
}

/** Throws if a user's `forward` returned nothing, null or a promise. */
export function checkOutput(op: string, module: Module, output: unknown): void {
  if (output instanceof Tensor || (output !== undefined && output !== null && !isPromise(output))) return;
  throw new OptionError(
    `${op}: forward of ${module.constructor.name} expected to return a tensor, got ${describeReturned(output)}`,
  );
}

/** Checks that a value is a module. */
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
