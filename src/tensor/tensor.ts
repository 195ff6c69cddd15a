import "../disposable.ts";
import { type Edge, type Leaf, Node, runBackward } from "../autograd/graph.ts";
import {
  checkBoolean,
  checkChoice,
  checkFunction,
  checkInteger,
  checkNumber,
  describe,
  readOptions,
  refusePromise,
} from "../checks.ts";
import { AutogradError, DTypeError, formatShape, OptionError, ShapeError } from "../errors.ts";
import {
  checkShape,
  type DType,
  expectFloat,
  expectSameShape,
  type NDArray,
  normalizeDim,
  type TypedArray,
} from "../ops/core/array.ts";
import { broadcastShapes } from "../ops/core/broadcast.ts";
import type { Dims, ReduceOptions } from "../ops/core/dims.ts";
import type { Op } from "../ops/core/op.ts";
import { recorder, section } from "../ops/core/recorder.ts";
import { addInto } from "../ops/elementwise/accumulate.ts";
import { Add, Compare, Div, Logical, Maximum, Minimum, Mul, Pow, Sub } from "../ops/elementwise/binary.ts";
import { Cast } from "../ops/elementwise/cast.ts";
import { checkElement, full } from "../ops/elementwise/fill.ts";
import { Clamp, type ClampOptions, StepFunction, Unary } from "../ops/elementwise/unary.ts";
import { Where } from "../ops/elementwise/where.ts";
import { LogSoftmax, Softmax } from "../ops/loss/softmax.ts";
import { MatMul } from "../ops/matmul/matmul.ts";
import { splitLengths } from "../ops/movement/cat.ts";
import { Clone, cloneArray, copyInto } from "../ops/movement/copy.ts";
import { Expand } from "../ops/movement/expand.ts";
import { Gather, IndexSelect } from "../ops/movement/indexing.ts";
import {
  flattenedShape,
  Reshape,
  resolveShape,
  squeezedShape,
  unflattenedShape,
  unsqueezedShape,
} from "../ops/movement/reshape.ts";
import { Triangle } from "../ops/movement/triangle.ts";
import { exchanged, flipped, narrowed, permuted, selected, sliced, View } from "../ops/movement/view.ts";
import { fillNormal, fillUniform } from "../ops/random/draw.ts";
import { Extremum, ExtremumOfAll, IndexOfExtremum } from "../ops/reduce/extremum.ts";
import { Mean, Sum } from "../ops/reduce/sum.ts";
import { StandardDeviation, Variance, type VarianceOptions } from "../ops/reduce/variance.ts";
import { frameCount, withFrame } from "../runtime/frame.ts";
import { kindOfTypedArray, nameKind } from "../typed_arrays.ts";
import { bracketsOf } from "./brackets.ts";
import { CONTENTS } from "./contents.ts";
import { defaultGenerator, type Generator } from "./generator.ts";
import { Handle } from "./lifetime/handle.ts";
import { noteOrigin, setTensorClass } from "./lifetime/reclaim.ts";
import { adoptIntoCurrentScope } from "./lifetime/scope.ts";
import { formatTensor } from "./print.ts";

/** A number, or arrays of numbers nested to the tensor's shape. Booleans come as 0 and 1. */
export type NestedArray = number | NestedArray[];

/** What `JSON.stringify` writes of a tensor. See `Tensor.toJSON`. */
export interface TensorJson {
  dtype: DType;
  shape: number[];
  data: (number | string)[];
}

const signed = (value: number) => (Object.is(value, -0) ? "-0" : String(value));

/** What `max(dim)` and `min(dim)` give. */
export interface Extrema {
  values: Tensor;
  /** int32 positions along the dimension. */
  indices: Tensor;
}

let gradEnabled = true;

function withGradEnabled<T>(op: string, enabled: boolean, body: () => T): T {
  checkFunction(op, "body", body);
  const before = gradEnabled;
  gradEnabled = enabled;
  try {
    const result = body();
    return result instanceof Tensor ? result : refusePromise(op, result);
  } finally {
    gradEnabled = before;
  }
}

/**
 * Runs `body` without recording a graph: what it computes needs no gradient and keeps nothing for backward.
 * Matches `torch.no_grad`.
 */
export function noGrad<T>(body: () => T): T {
  return withGradEnabled("noGrad", false, body);
}

/** Runs `body` with the graph recorded again, inside of a `noGrad`. Matches `torch.enable_grad`. */
export function enableGrad<T>(body: () => T): T {
  return withGradEnabled("enableGrad", true, body);
}

/** True unless inside `noGrad`. */
export function isGradEnabled(): boolean {
  return gradEnabled;
}

/** Who releases a new tensor: the open scope (the default), or the tensor it is the gradient of. */
type Owner = "scope" | "tensor";

/** From a gradient to its tensor, which the garbage collector must leave alone while somebody holds the gradient. */
const gradientOf = new WeakMap<Tensor, Tensor>();

/**
 * A dense, row-major, multi-dimensional array of float32, int32 or bool with automatic differentiation. Made by `tensor`,
 * `zeros`, `rand` … and by operations on other tensors. Its methods are PyTorch's, in camelCase.
 */
export class Tensor implements Leaf, Disposable {
  /** What comparisons of own properties see (test runners' deep equality): `{ dtype, shape, data }`, read when looked at. */
  readonly contents: object;
  readonly #handle: Handle;
  #array: NDArray;
  #requiresGrad: boolean;
  #grad: Tensor | null = null;

  /** Not for users: see `tensor()`. */
  constructor(array: NDArray, options: { requiresGrad?: boolean; node?: Node | null; owner?: Owner } = {}) {
    if (!array?.block)
      throw new OptionError(`Tensor: expected tensor(values), zeros(shape) and the like, got new Tensor`);
    this.contents = new Proxy(array, CONTENTS);
    this.#array = array;
    this.#handle = new Handle(array.block);
    if (options.node) this.#handle.setNode(options.node);
    this.#requiresGrad = options.requiresGrad ?? false;
    noteOrigin(this.#handle);
    if (options.owner !== "tensor") adoptIntoCurrentScope(this);
  }

  static {
    setTensorClass(Tensor.prototype, (value) => (#handle in value ? (value as Tensor).#handle : undefined));
    const shown = (value: object) => (#handle in value ? describeInput(value) : "tensors");
    Object.setPrototypeOf(Tensor.prototype, bracketsOf(Tensor.prototype, shown));
  }

  /** The tensor's place in memory management; not for users. */
  get handle(): Handle {
    return this.#handle;
  }

  /** Sizes of the dimensions, outermost first. */
  get shape(): readonly number[] {
    return this.#array.shape;
  }

  get dtype(): DType {
    return this.#array.dtype;
  }

  /** The elements in WebAssembly memory, for ops. */
  get array(): NDArray {
    const { handle } = this;
    if (handle.releasedBy !== null) handle.check(`a tensor of shape ${formatShape(this.shape)}`);
    handle.usedIn = frameCount;
    return this.#array;
  }

  /** The length of the first dimension, as Python's `len(x)`; a scalar has none. */
  get length(): number {
    return this.shape[0];
  }

  /** Number of dimensions. */
  dim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  numel(): number {
    return this.#array.size;
  }

  /** A copy of the elements in row-major order: Float32Array, or Int32Array for int32 and bool. */
  data(): TypedArray {
    return this.array.view().slice();
  }

  /** The value of a tensor with one element. */
  item(): number {
    if (this.numel() !== 1) {
      throw new ShapeError(`item: expected a tensor with one element, got shape ${formatShape(this.shape)}`);
    }
    return this.array.view()[0];
  }

  /** The elements as nested arrays. */
  toArray(): NestedArray {
    const data = this.array.view();
    const build = (dim: number, offset: number, size: number): NestedArray => {
      if (dim === this.shape.length) return data[offset];
      const step = size / Math.max(this.shape[dim], 1);
      return Array.from({ length: this.shape[dim] }, (_, i) => build(dim + 1, offset + i * step, step));
    };
    return build(0, 0, this.numel());
  }

  /**
   * What `JSON.stringify` writes, state dicts included: the elements in row-major order, exactly. What JSON cannot write is a string
   * ("NaN", "Infinity", "-Infinity", "-0"), so that `tensor(data.map(Number), { shape, dtype })` gives the tensor back.
   */
  toJSON(): TensorJson {
    const exact = (value: number) => (Number.isFinite(value) && !Object.is(value, -0) ? value : signed(value));
    return { dtype: this.dtype, shape: [...this.shape], data: Array.from<number, number | string>(this.data(), exact) };
  }

  /**
   * The tensor itself. Some comparisons (fast-deep-equal) would compare `toString()`, which is rounded, of classes without a
   * `valueOf` of their own.
   */
  valueOf(): this {
    return this;
  }

  /** Text is as `toString()` gives it. JavaScript's operators would make a text or NaN of a tensor, and are an OptionError. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new OptionError(
      `Tensor: operators like + and < expected numbers, got a tensor (${describeInput(this)}): write x.add(y), x.sub(y), x.mul(y), ` +
        "x.div(y), x.lt(y), x.gt(y), x.eq(y); the number of a tensor with one element is x.item(), its text String(x) or a template literal",
    );
  }

  /** The elements as PyTorch prints them; what `console.log` shows in Node. */
  toString(): string {
    if (this.released) return `tensor(released by ${this.handle.releasedBy}, shape=${formatShape(this.shape)})`;
    const { node } = this.handle;
    const suffix = node ? `gradFn=<${node.op.name}>` : this.#requiresGrad ? "requiresGrad=true" : null;
    return formatTensor(this.array.view(), this.shape, this.dtype, suffix);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  // --- memory ---------------------------------------------------------------------------------------------------------

  /** True once the memory is released: then only `shape` and `dtype` can still be read. */
  get released(): boolean {
    return this.handle.releasedBy !== null;
  }

  /** Releases the memory now, without waiting for the scope's end. Never needed inside a scope. */
  release(): void {
    this.handle.release("release()");
  }

  /** `using t = …` releases t at the end of the block. */
  [Symbol.dispose](): void {
    this.handle.release("the end of its `using` block");
  }

  // --- autograd -------------------------------------------------------------------------------------------------------

  /** Whether a gradient flows to or through this tensor. May be set on leaves: tensors not made by an op. */
  get requiresGrad(): boolean {
    return this.#requiresGrad || this.handle.node !== null;
  }

  set requiresGrad(value: boolean) {
    checkBoolean("requiresGrad", "value", value);
    if (this.handle.node)
      throw new AutogradError("requiresGrad: can only be set on a leaf; use detach() to cut the graph");
    if (value && this.dtype !== "float32") throw new DTypeError(`requiresGrad: expected float32, got ${this.dtype}`);
    this.#requiresGrad = value;
  }

  /** True for tensors that no recorded op made. */
  get isLeaf(): boolean {
    return this.handle.node === null;
  }

  /** The gradient that `backward()` accumulated into this leaf, or null. */
  get grad(): Tensor | null {
    return this.#grad;
  }

  /**
   * Set to null to forget the gradient (as `optimizer.zeroGrad()` does), which releases it unless it was `keep()`-ed. What is set belongs to
   * this tensor from then on; the gradient of another tensor stays that one's, and its memory is shared.
   */
  set grad(given: Tensor | null) {
    if (given === this.#grad) return;
    if (given !== null) {
      if (!(given instanceof Tensor)) throw new OptionError(`grad: expected a tensor or null, got ${typeof given}`);
      expectSameShape("grad", "a gradient", this.shape, given.shape);
      expectFloat("grad", given.array);
    }
    const value = given?.handle.gradOf ? new Tensor(given.array, { owner: "tensor" }) : given;
    if (this.#grad) gradientOf.delete(this.#grad);
    const old = this.handle.disownGrad();
    if (old?.kept === false) old.release("zeroGrad() or a new gradient");
    this.#grad = value;
    if (value) {
      gradientOf.set(value, this);
      this.handle.ownGrad(value.handle);
    }
  }

  /** Adds to `grad`; called by the backward pass. */
  accumulateGrad(grad: NDArray): void {
    if (this.released) return; // its scope ended: nobody can read its gradient any more
    withFrame(() => {
      if (this.#grad) {
        this.#grad.#become(addInto(this.#grad.array, grad));
      } else {
        // taken over as it is where nobody else holds it
        const own = grad.block.owners > 1 ? cloneArray(grad) : grad;
        this.grad = new Tensor(own.withShape(this.shape), { owner: "tensor" });
      }
    });
  }

  /** Takes new values, which may lie in other memory, where somebody shares the present one. */
  #become(array: NDArray): void {
    if (array.block === this.#array.block) array.block.version++;
    else {
      this.handle.replaceBlock(array.block);
      this.#array = array.withShape(this.shape);
      (this as { contents: object }).contents = new Proxy(this.#array, CONTENTS);
    }
  }

  /**
   * Computes the gradient of this tensor with respect to every leaf that `requiresGrad` and adds it to the leaf's `grad`.
   * First order only: gradients are not themselves differentiable.
   *
   * @param gradient dL/d(this), of the same shape. May be left out where this tensor has one element (then 1).
   * @param options `retainGraph` (default false): keep what the graph saved, for another `backward()`.
   * @throws AutogradError when there is no graph, or it was released by an earlier `backward()`.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([1, 2, 3], { requiresGrad: true });
   * x.square().sum().backward();
   * console.log(x.grad?.toArray()); // [2, 4, 6]
   * ```
   */
  backward(gradient?: Tensor, options?: { retainGraph?: boolean }): void {
    const { array } = this;
    const { retainGraph } = readOptions("backward", options, { retainGraph: false });
    checkBoolean("backward", "retainGraph", retainGraph);
    if (!this.requiresGrad) {
      throw new AutogradError("backward: this tensor has no graph: nothing it was made from has requiresGrad");
    }
    if (gradient !== undefined && gradient !== null) {
      if (!(gradient instanceof Tensor)) {
        throw new OptionError(`backward: gradient expected a tensor, got ${typeof gradient}; options come second`);
      }
      expectSameShape("backward", "gradient", this.shape, gradient.shape);
      expectFloat("backward", gradient.array);
    } else if (this.numel() !== 1) {
      throw new ShapeError(`backward: a gradient must be given for a tensor of shape ${formatShape(this.shape)}`);
    }
    section("backward", () =>
      withFrame(() => {
        const seed = gradient ? gradient.array : full(array.shape, 1, "float32");
        if (this.handle.node) runBackward(this.handle.node, seed, retainGraph);
        else this.accumulateGrad(gradient ? cloneArray(seed) : seed); // a leaf takes over what it is given
      }),
    );
  }

  /** The same values (sharing memory) cut off from the graph. */
  detach(): Tensor {
    return new Tensor(this.array);
  }

  /** Overwrites the values in place with those of `source`, which must have the same shape and dtype. Not differentiable. */
  copy_(source: Tensor): this {
    expectTensor("copy_", "source", source);
    this.#expectOverwritable("copy_");
    expectSameShape("copy_", "source", this.shape, source.shape);
    if (source.dtype !== this.dtype) throw new DTypeError(`copy_: expected ${this.dtype}, got ${source.dtype}`);
    copyInto(this.array, source.array);
    return this;
  }

  /** Overwrites the values in place with uniform numbers in [low, high). Matches `Tensor.uniform_`. */
  uniform_(low = 0, high = 1, options?: { generator?: Generator }): this {
    const { generator } = readOptions("uniform_", options, { generator: defaultGenerator });
    checkNumber("uniform_", "low", low);
    checkNumber("uniform_", "high", high, low);
    this.#expectOverwritable("uniform_");
    expectFloat("uniform_", this.array);
    fillUniform(this.array, generator.take(this.numel()), low, high - low);
    this.array.block.version++;
    return this;
  }

  /** Overwrites the values in place with normal numbers of the given mean and standard deviation. Matches `Tensor.normal_`. */
  normal_(mean = 0, std = 1, options?: { generator?: Generator }): this {
    const { generator } = readOptions("normal_", options, { generator: defaultGenerator });
    checkNumber("normal_", "mean", mean);
    checkNumber("normal_", "std", std, 0);
    this.#expectOverwritable("normal_");
    expectFloat("normal_", this.array);
    fillNormal(this.array, generator.take(this.numel()), mean, std);
    this.array.block.version++;
    return this;
  }

  #expectOverwritable(op: string): void {
    if (this.handle.node && gradEnabled) {
      throw new AutogradError(
        `${op}: an op made this tensor, and its gradient would be wrong; use noGrad() or detach()`,
      );
    }
  }

  // --- elementwise ----------------------------------------------------------------------------------------------------

  // Operands broadcast, NumPy's way. bool < int32 < float32: the result has the larger dtype; a whole number leaves int32 as
  // it is, another makes it float32.

  /** `x + other`. Matches `torch.add`. */
  add(other: Tensor | number): Tensor {
    return apply(new Add(), this, other);
  }

  /** `x - other`. Matches `torch.sub`. */
  sub(other: Tensor | number): Tensor {
    return apply(new Sub(), this, other);
  }

  /**
   * `x * other`. Matches `torch.mul`. A bool mask is applied in one pass.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[1, 2], [3, 4]]);
   * console.log(x.mul(x.gt(2)).toArray()); // [[0, 0], [3, 4]]
   * ```
   */
  mul(other: Tensor | number): Tensor {
    return apply(new Mul(), this, other);
  }

  /** `x / other`, always float32. Matches `torch.div`. */
  div(other: Tensor | number): Tensor {
    return apply(new Div(), this, other);
  }

  /** `x ^ exponent`. Matches `torch.pow`, special values included. int32 to a negative whole number is an OptionError. */
  pow(exponent: Tensor | number): Tensor {
    if (exponent === 2) return this.square();
    if (exponent === 0.5) return this.sqrt();
    return apply(new Pow(), this, exponent);
  }

  /** The larger of `x` and `other`; NaN where either is. Equal values share the gradient. Matches `torch.maximum`. */
  maximum(other: Tensor | number): Tensor {
    return apply(new Maximum(), this, other);
  }

  /** The smaller of `x` and `other`; NaN where either is. Equal values share the gradient. Matches `torch.minimum`. */
  minimum(other: Tensor | number): Tensor {
    return apply(new Minimum(), this, other);
  }

  /** `x` where `condition` (bool) holds, `other` elsewhere. Matches `Tensor.where`. */
  where(condition: Tensor, other: Tensor | number): Tensor {
    return apply(new Where(), condition, this, other);
  }

  /** `x = other` as bool. Matches `torch.eq`. */
  eq(other: Tensor | number): Tensor {
    return apply(new Compare("eq"), this, other);
  }

  /** `x != other` as bool. Matches `torch.ne`. */
  ne(other: Tensor | number): Tensor {
    return apply(new Compare("ne"), this, other);
  }

  /** `x < other` as bool. Matches `torch.lt`. */
  lt(other: Tensor | number): Tensor {
    return apply(new Compare("lt"), this, other);
  }

  /** `x <= other` as bool. Matches `torch.le`. */
  le(other: Tensor | number): Tensor {
    return apply(new Compare("le"), this, other);
  }

  /** `x > other` as bool. Matches `torch.gt`. */
  gt(other: Tensor | number): Tensor {
    return apply(new Compare("gt"), this, other);
  }

  /** `x >= other` as bool. Matches `torch.ge`. */
  ge(other: Tensor | number): Tensor {
    return apply(new Compare("ge"), this, other);
  }

  /** `x and other` as bool; every number but 0 counts as true. */
  logicalAnd(other: Tensor | number): Tensor {
    return apply(new Logical("logicalAnd"), this, other);
  }

  /** `x or other` as bool; every number but 0 counts as true. */
  logicalOr(other: Tensor | number): Tensor {
    return apply(new Logical("logicalOr"), this, other);
  }

  /** `x xor other` as bool; every number but 0 counts as true. */
  logicalXor(other: Tensor | number): Tensor {
    return apply(new Logical("logicalXor"), this, other);
  }

  /** `not x` as bool. */
  logicalNot(): Tensor {
    return this.eq(0);
  }

  /** True where `x` is NaN. */
  isNaN(): Tensor {
    return this.ne(this);
  }

  /** True where `x` is neither infinite nor NaN. */
  isFinite(): Tensor {
    return this.abs().lt(Infinity);
  }

  /**
   * `x` in another dtype (itself where it has that one). To int32 it rounds towards 0; beyond int32 it is
   * the nearest end of its range, and NaN is 0 (PyTorch's results depend on the machine). bool is `x != 0`, so NaN is true.
   */
  to(dtype: DType): Tensor {
    checkChoice("to", "dtype", dtype, ["float32", "int32", "bool"]);
    return dtype === this.dtype ? this : apply(new Cast(dtype), this);
  }

  /** `to("float32")` */
  float(): Tensor {
    return this.to("float32");
  }

  /** `to("int32")` */
  int(): Tensor {
    return this.to("int32");
  }

  /** `to("bool")` */
  bool(): Tensor {
    return this.to("bool");
  }

  /** `-x` */
  neg(): Tensor {
    return this.mul(-1);
  }

  /** `|x|` */
  abs(): Tensor {
    return apply(new Unary("abs"), this);
  }

  /** `e^x` */
  exp(): Tensor {
    return apply(new Unary("exp"), this);
  }

  /** `e^x - 1`, without cancellation near 0 */
  expm1(): Tensor {
    return apply(new Unary("expm1"), this);
  }

  /** `ln x` */
  log(): Tensor {
    return apply(new Unary("log"), this);
  }

  /** `ln(1 + x)`, without cancellation near 0 */
  log1p(): Tensor {
    return apply(new Unary("log1p"), this);
  }

  /** `sqrt x` */
  sqrt(): Tensor {
    return apply(new Unary("sqrt"), this);
  }

  /** `1 / sqrt x` */
  rsqrt(): Tensor {
    return apply(new Unary("rsqrt"), this);
  }

  /** `1 / x` */
  reciprocal(): Tensor {
    return apply(new Unary("reciprocal"), this);
  }

  /** `x^2` */
  square(): Tensor {
    return apply(new Unary("square"), this);
  }

  /** `sin x`, x in radians: any finite x, to 1.6 units in the last place */
  sin(): Tensor {
    return apply(new Unary("sin"), this);
  }

  /** `cos x`, x in radians: any finite x, to 1.6 units in the last place */
  cos(): Tensor {
    return apply(new Unary("cos"), this);
  }

  /** `2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x` */
  erf(): Tensor {
    return apply(new Unary("erf"), this);
  }

  /** `max(x, 0)` */
  relu(): Tensor {
    return apply(new Unary("relu"), this);
  }

  /** `1 / (1 + e^-x)` */
  sigmoid(): Tensor {
    return apply(new Unary("sigmoid"), this);
  }

  /** `(e^x - e^-x) / (e^x + e^-x)` */
  tanh(): Tensor {
    return apply(new Unary("tanh"), this);
  }

  /**
   * `min(max(x, options.min), options.max)`; NaN stays NaN. Either bound may be left out. The gradient is 1 strictly between the
   * bounds and 0 at them, beyond them and at NaN. Matches `torch.clamp` (of PyTorch 2.15; older ones have 1 at the bounds).
   * int32 stays int32 where the bounds fit in int32; else the result is float32.
   */
  clamp(options: ClampOptions): Tensor {
    return apply(new Clamp(options), this);
  }

  /** -1, 0 or 1 after the sign of `x`; 0 for NaN. The gradient is 0. */
  sign(): Tensor {
    return apply(new StepFunction("sign"), this);
  }

  /** The largest integer `<= x`. The gradient is 0. */
  floor(): Tensor {
    return apply(new StepFunction("floor"), this);
  }

  /** The smallest integer `>= x`. The gradient is 0. */
  ceil(): Tensor {
    return apply(new StepFunction("ceil"), this);
  }

  /** The nearest integer, halves to the even one. The gradient is 0. */
  round(): Tensor {
    return apply(new StepFunction("round"), this);
  }

  // --- reductions -----------------------------------------------------------------------------------------------------

  /**
   * The sum over all elements, or over `dim` (a number or several). Accumulated in float64 in a fixed order. int32 and bool
   * give int32: a sum beyond its range is the nearest end of it, where PyTorch has int64 (`add` wraps around, as there). Over no element it
   * is 0.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[1, 2, 3], [4, 5, 6]]);
   * console.log(x.sum().item(), x.sum(0).toArray(), x.sum([1], { keepdim: true }).shape); // 21 [5, 7, 9] [2, 1]
   * ```
   */
  sum(dim?: Dims, options?: ReduceOptions): Tensor {
    return apply(new Sum(dim, options), this);
  }

  /** The mean over all elements, or over `dim` (a number or several). Accumulated in float64. Over no element it is NaN. */
  mean(dim?: Dims, options?: ReduceOptions): Tensor {
    return apply(new Mean(dim, options), this);
  }

  /**
   * The variance over all elements, or over `dim`: `Σ (x - mean)² / (n - 1)`, or `/ n` with `{ unbiased: false }`, or
   * `/ (n - correction)`. Accumulated in float64, without cancellation.
   */
  var(dim?: Dims, options?: VarianceOptions): Tensor {
    return apply(new Variance(dim, options), this);
  }

  /**
   * The standard deviation: the square root of `var(dim, options)`. Its gradient is 0 where it is 0, and overflows where a
   * deviation does (beyond 3.4e38), or one over the result, as in PyTorch.
   */
  std(dim?: Dims, options?: VarianceOptions): Tensor {
    return apply(new StandardDeviation(dim, options), this);
  }

  /**
   * The largest of all elements, or, with `dim`, the largest along it and their indices. NaN beats every number; of equals the
   * first is chosen along `dim`, and the whole reduction shares its gradient among them evenly.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([[1, 5, 2], [7, 3, 7]]);
   * const { values, indices } = x.max(1);
   * console.log(x.max().item(), values.toArray(), indices.toArray()); // 7 [5, 7] [1, 0]
   * ```
   */
  max(): Tensor;
  max(dim: number, options?: ReduceOptions): Extrema;
  max(dim?: number, options?: ReduceOptions): Tensor | Extrema {
    return this.#extremum("max", dim, options);
  }

  /** The smallest of all elements, or, with `dim`, the smallest along it and their indices: see `max`. */
  min(): Tensor;
  min(dim: number, options?: ReduceOptions): Extrema;
  min(dim?: number, options?: ReduceOptions): Tensor | Extrema {
    return this.#extremum("min", dim, options);
  }

  #extremum(name: "max" | "min", dim: number | undefined, options: ReduceOptions | undefined): Tensor | Extrema {
    if (dim === undefined) return apply(new ExtremumOfAll(name), this);
    const [values, indices] = applyMany(new Extremum(name, dim, options), this);
    return { values, indices };
  }

  /** The int32 index of the largest element, row-major over all or along `dim`; of equals the first. */
  argmax(dim?: number | null, options?: ReduceOptions): Tensor {
    return apply(new IndexOfExtremum("argmax", dim, options), this);
  }

  /** The int32 index of the smallest element, row-major over all or along `dim`; of equals the first. */
  argmin(dim?: number | null, options?: ReduceOptions): Tensor {
    return apply(new IndexOfExtremum("argmin", dim, options), this);
  }

  /** Whether every element, or every one along `dim`, is not 0. */
  all(dim?: Dims, options?: ReduceOptions): Tensor {
    return this.eq(0).sum(dim, options).eq(0);
  }

  /** Whether any element, or any along `dim`, is not 0. */
  any(dim?: Dims, options?: ReduceOptions): Tensor {
    return this.ne(0).sum(dim, options).ne(0);
  }

  // --- shape ----------------------------------------------------------------------------------------------------------

  // All but reshaping make a new tensor. Dimensions count from 0, or from the end with -1.

  /** The same elements in another shape; one -1 stands for what is left. Shares memory. Matches `torch.reshape`. */
  reshape(shape: readonly number[]): Tensor {
    return apply(new Reshape("reshape", (before) => resolveShape("reshape", before, shape)), this);
  }

  /** `reshape`, under its other name. Matches `Tensor.view`. */
  view(shape: readonly number[]): Tensor {
    return apply(new Reshape("view", (before) => resolveShape("view", before, shape)), this);
  }

  /** `reshape` to the shape of `other`. */
  reshapeAs(other: Tensor): Tensor {
    expectTensor("reshapeAs", "other", other);
    return this.reshape(other.shape);
  }

  /** `view` in the shape of `other`. */
  viewAs(other: Tensor): Tensor {
    expectTensor("viewAs", "other", other);
    return this.view(other.shape);
  }

  /** Dimensions `startDim` to `endDim` as one. Matches `torch.flatten`. */
  flatten(startDim = 0, endDim = -1): Tensor {
    return apply(new Reshape("flatten", (before) => flattenedShape("flatten", before, startDim, endDim)), this);
  }

  /** Dimension `dim` as several; one of `sizes` may be -1. Matches `torch.unflatten`. */
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    return apply(new Reshape("unflatten", (before) => unflattenedShape("unflatten", before, dim, sizes)), this);
  }

  /** Without dimensions of length 1: all, or those of `dim` that have it. Matches `torch.squeeze`. */
  squeeze(dim?: number | readonly number[]): Tensor {
    return apply(new Reshape("squeeze", (before) => squeezedShape("squeeze", before, dim)), this);
  }

  /** With a dimension of length 1 at `dim`. Matches `torch.unsqueeze`. */
  unsqueeze(dim: number): Tensor {
    return apply(new Reshape("unsqueeze", (before) => unsqueezedShape("unsqueeze", before, dim)), this);
  }

  /**
   * Dimensions in another order: dimension i of the result is dimension `dims[i]`. Matches `torch.permute`.
   * @example
   * ```ts
   * import { zeros } from "wasmgrad";
   * console.log(zeros([2, 3, 4]).permute([2, 0, 1]).shape); // [4, 2, 3]
   * ```
   */
  permute(dims: readonly number[]): Tensor {
    return apply(new View("permute", (shape) => permuted("permute", shape, dims)), this);
  }

  /** Two dimensions exchanged. Matches `torch.transpose`. */
  transpose(dim0: number, dim1: number): Tensor {
    const regionOf = (shape: readonly number[]) =>
      permuted("transpose", shape, exchanged("transpose", shape.length, dim0, dim1));
    return apply(new View("transpose", regionOf), this);
  }

  /** The transposed matrix; a vector or a scalar as it is. Matches `torch.t`. */
  t(): Tensor {
    if (this.dim() > 2) throw new ShapeError(`t: expected a matrix, got ${formatShape(this.shape)}; use transpose`);
    return this.dim() < 2 ? this : this.transpose(0, 1);
  }

  /** Dimensions of length 1 repeated, new ones in front; -1 keeps a length. Matches `Tensor.expand`. */
  expand(shape: readonly number[]): Tensor {
    return apply(new Expand(shape), this);
  }

  /** `expand` to the shape of `other`. */
  expandAs(other: Tensor): Tensor {
    expectTensor("expandAs", "other", other);
    return this.expand(other.shape);
  }

  /** The whole tensor repeated `repeats[d]` times along dimension d; further repeats go in front. Matches `Tensor.repeat`. */
  repeat(repeats: readonly number[]): Tensor {
    checkShape("repeat", repeats);
    const added = repeats.length - this.dim();
    if (added < 0) throw new ShapeError(`repeat: expected at least ${this.dim()} repeats, got ${formatShape(repeats)}`);
    const lengths = repeats.map((_, d) => (d < added ? 1 : this.shape[d - added]));
    const pairs = this.reshape(lengths.flatMap((length) => [1, length]));
    return pairs
      .expand(lengths.flatMap((length, d) => [repeats[d], length]))
      .reshape(lengths.map((length, d) => length * repeats[d]));
  }

  /** Positions `start` to `start + length - 1` of a dimension. Matches `torch.narrow`. */
  narrow(dim: number, start: number, length: number): Tensor {
    return apply(new View("narrow", (shape) => narrowed("narrow", shape, dim, start, length)), this);
  }

  /** Positions `start, start + step, …` before `end` of a dimension; bounds are clamped, as in Python's `x[start:end:step]`. */
  slice(dim: number, start = 0, end = Infinity, step = 1): Tensor {
    return apply(new View("slice", (shape) => sliced("slice", shape, dim, start, end, step)), this);
  }

  /** Position `index` of a dimension, which disappears. Matches `torch.select`. */
  select(dim: number, index: number): Tensor {
    return apply(new View("select", (shape) => selected("select", shape, dim, index)), this);
  }

  /** `x[i]` of Python: position i of the first dimension. */
  index(i: number): Tensor {
    return this.select(0, i);
  }

  /** Parts of a dimension: of `sizes` positions each (the last may have fewer), or of the lengths given. Matches `torch.split`. */
  split(sizes: number | readonly number[], dim = 0): Tensor[] {
    this.#expectDimension("split");
    const length = this.shape[normalizeDim("split", dim, this.dim())];
    let end = 0;
    return splitLengths("split", length, sizes).map((part) => this.narrow(dim, (end += part) - part, part));
  }

  /** At most `chunks` parts of a dimension, of equal lengths but for the last. Matches `torch.chunk`. */
  chunk(chunks: number, dim = 0): Tensor[] {
    checkInteger("chunk", "chunks", chunks, 1);
    this.#expectDimension("chunk");
    const length = this.shape[normalizeDim("chunk", dim, this.dim())];
    return this.split(length === 0 ? new Array<number>(chunks).fill(0) : Math.ceil(length / chunks), dim);
  }

  #expectDimension(op: string): void {
    if (this.dim() === 0) throw new ShapeError(`${op}: expected one dimension or more, got a scalar`);
  }

  /** Dimensions in reverse order of positions. Matches `torch.flip`. */
  flip(dims: number | readonly number[]): Tensor {
    return apply(new View("flip", (shape) => flipped("flip", shape, dims)), this);
  }

  /** Positions `index` (int32, a vector) of a dimension. Matches `torch.index_select`. */
  indexSelect(dim: number, index: Tensor): Tensor {
    return apply(new IndexSelect(dim), this, index);
  }

  /**
   * `out[i][j] = x[index[i][j]][j]` for `dim` 0, `x[i][index[i][j]]` for 1, and so on. Matches `torch.gather`.
   * @throws OptionError for an index out of range, DTypeError where it is not int32.
   */
  gather(dim: number, index: Tensor): Tensor {
    return apply(new Gather(dim), this, index);
  }

  /** The lower triangle of each matrix, up to the given diagonal (0: the main one, 1: the one above); zeros elsewhere. */
  tril(diagonal = 0): Tensor {
    return apply(new Triangle("tril", diagonal), this);
  }

  /** The upper triangle of each matrix, from the given diagonal on; zeros elsewhere. Matches `torch.triu`. */
  triu(diagonal = 0): Tensor {
    return apply(new Triangle("triu", diagonal), this);
  }

  /** `value` where `mask` (bool, broadcast to the shape) holds, `x` elsewhere. Matches `torch.masked_fill`. */
  maskedFill(mask: Tensor, value: number): Tensor {
    expectTensor("maskedFill", "mask", mask);
    checkElement("maskedFill", "value", value, this.dtype);
    if (formatShape(broadcastShapes("maskedFill", this.shape, mask.shape)) !== formatShape(this.shape)) {
      throw new ShapeError(
        `maskedFill: mask ${formatShape(mask.shape)} does not broadcast to ${formatShape(this.shape)}`,
      );
    }
    return apply(new Where(), mask, value, this);
  }

  /** A copy, through which the gradient flows. Matches `torch.clone`. */
  clone(): Tensor {
    return apply(new Clone(), this);
  }

  /** The tensor itself: all tensors are dense and row-major. */
  contiguous(): Tensor {
    return this;
  }

  // --- linear algebra, softmax ----------------------------------------------------------------------------------------

  /** `e^x / Σ e^x` along `dim`. */
  softmax(dim: number): Tensor {
    return apply(new Softmax(dim), this);
  }

  /** `x - log Σ e^x` along `dim`. */
  logSoftmax(dim: number): Tensor {
    return apply(new LogSoftmax(dim), this);
  }

  /** Matrix product, see `matmul()`. */
  matmul(other: Tensor): Tensor {
    return apply(new MatMul(), this, other);
  }
}

type Input = Tensor | number | null;

/** Checks the inputs of an op, notes which need a gradient and runs its forward. */
function runForward(op: Op, inputs: readonly Input[]): NDArray | NDArray[] {
  // plain loops: this is most of what an op on a small tensor takes
  const needs = new Array<boolean>(inputs.length);
  const arrays = new Array<NDArray | number | null>(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i];
    if (x instanceof Tensor) {
      needs[i] = gradEnabled && x.requiresGrad && op.differentiable;
      arrays[i] = x.array;
    } else {
      if (op.takesNumbers ? typeof x !== "number" : x !== null || i < op.required) refuseInput(op, inputs, i);
      needs[i] = false;
      arrays[i] = x;
    }
  }
  op.needs = needs;
  return recorder ? recorder.forward(op, arrays) : op.forward(...arrays);
}

/** Says what came where a tensor was expected, and what stands beside it. */
function refuseInput(op: Op, inputs: readonly unknown[], i: number): never {
  const expected = op.takesNumbers ? "a tensor or a number" : "a tensor";
  const all = inputs.length > 1 ? ` (input ${i} of ${inputs.map(describeInput).join(", ")})` : "";
  throw new DTypeError(`${op.name}: expected ${expected}, got ${describeOther(inputs[i])}${all}`);
}

function describeInput(value: unknown): string {
  return value instanceof Tensor ? `${value.dtype} ${formatShape(value.shape)}` : nameKind(value);
}

/** A value that is no tensor, and what to do about it where that is clear. */
function describeOther(value: unknown): string {
  const data = Array.isArray(value) ? "an array" : kindOfTypedArray(value);
  return data ? `${data}; write tensor(...) around it` : describe(value);
}

/** Checks that a user's value is a tensor, where no op does. */
export function expectTensor(op: string, name: string, value: unknown): void {
  if (!(value instanceof Tensor)) {
    throw new DTypeError(`${op}: ${name} expected a tensor, got ${describeOther(value)}`);
  }
}

/** The op's place in the graph, where a gradient may flow through it. */
function record(op: Op, inputs: readonly Input[]): Node | null {
  if (!op.needsAny) return null;
  const edges = inputs.map((input, i) => edgeTo(input, op.needs[i]));
  return new Node(op, edges);
}

/** Applies an op to tensors and, where a gradient is needed, records it. Returns all its results; the first carries the gradient. */
export function applyMany(op: Op, ...inputs: Input[]): Tensor[] {
  return withFrame(() => {
    const result = runForward(op, inputs);
    const node = record(op, inputs);
    return (Array.isArray(result) ? result : [result]).map(
      (array, i) => new Tensor(array, { node: i === 0 ? node : null }),
    );
  });
}

/** Applies an op with one result. */
export function apply(op: Op, ...inputs: Input[]): Tensor {
  return withFrame(() => {
    const array = runForward(op, inputs) as NDArray;
    return new Tensor(array, { node: record(op, inputs) });
  });
}

function edgeTo(input: Input, needed: boolean): Edge {
  return input instanceof Tensor && needed ? (input.handle.node ?? input) : null;
}

/** Makes a leaf from what `build` allocates (inside a frame). */
export function leaf(build: () => NDArray, requiresGrad = false): Tensor {
  return withFrame(() => {
    const array = build();
    if (requiresGrad && array.dtype !== "float32") {
      throw new DTypeError(`requiresGrad: expected float32, got ${array.dtype}`);
    }
    return new Tensor(array, { requiresGrad });
  });
}
