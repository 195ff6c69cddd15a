import "../disposable.ts";
import { runBackward } from "../autograd/backward_pass.ts";
import type { GradientHook, GraphNode } from "../autograd/graph.ts";
import { checkBoolean, readOptions } from "../checks.ts";
import { AutogradError, DTypeError, formatShape, OptionError, ShapeError } from "../errors.ts";
import { type DType, expectFloat, expectSameShape, type NDArray } from "../ops/core/array.ts";
import { section } from "../ops/core/recorder.ts";
import { addInto } from "../ops/elementwise/accumulate.ts";
import { full } from "../ops/elementwise/fill.ts";
import { cloneArray } from "../ops/movement/copy.ts";
import { frameCount, withFrame } from "../runtime/frame.ts";
import { bracketsOf } from "./brackets.ts";
import { CONTENTS } from "./contents.ts";
import { backwardWithGraph } from "./create_graph.ts";
import { expectGraph } from "./expect_graph.ts";
import { hooksOfLeaf } from "./leaf_hooks.ts";
import { Handle } from "./lifetime/handle.ts";
import { noteOrigin, setTensorPrototype } from "./lifetime/reclaim.ts";
import { adoptIntoCurrentScope } from "./lifetime/scope.ts";
import { describeTensor, TensorBase } from "./methods/base.ts";
import { TensorValues } from "./methods/values.ts";

/** Options of the `Tensor` constructor. */
export interface TensorInit {
  requiresGrad?: boolean;
  /** The op that produced the tensor, if a gradient may flow through it. */
  node?: GraphNode | null;
  /**
   * The owner, which releases the tensor: the open scope (the default) or, for a gradient, its tensor.
   */
  owner?: "scope" | "tensor";
}

/**
 * Maps a gradient to its tensor, so that the garbage collector keeps the tensor while its gradient is
 * referenced.
 */
const gradientOf = new WeakMap<Tensor, Tensor>();

/**
 * A dense, row-major, multi-dimensional array of float32, int32 or bool with automatic differentiation.
 * Tensors are created by `tensor`, `zeros`, `rand` … and by operations on other tensors. Methods have
 * PyTorch's names in camelCase.
 */
export class Tensor extends TensorValues implements Disposable {
  /**
   * @internal The object `{ dtype, shape, data }`, for code that compares own properties, such as deep
   * equality in test runners. The elements are read on access.
   */
  readonly contents: object;
  readonly #handle: Handle;
  #array: NDArray;
  #requiresGrad: boolean;
  #grad: Tensor | null = null;

  /** @internal Tensors are created by `tensor`, `zeros`, operations …. */
  constructor(array: NDArray, options: TensorInit = {}) {
    super();
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
    setTensorPrototype(Tensor.prototype, (value) => (#handle in value ? (value as Tensor).#handle : undefined));
    const shown = (value: object) => (#handle in value ? describeTensor(value as Tensor) : "tensors");
    Object.setPrototypeOf(TensorBase.prototype, bracketsOf(shown));
  }

  /** @internal The tensor's resources: see `Handle`. */
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

  /** @internal The elements in WebAssembly memory, for ops. */
  get array(): NDArray {
    const { handle } = this;
    if (handle.releasedBy !== null) handle.check(`a tensor of shape ${formatShape(this.shape)}`);
    handle.usedIn = frameCount;
    return this.#array;
  }

  /** The length of the first dimension, like Python's `len(x)`. Undefined for a scalar. */
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

  // --- memory ----------------------------------------------------------------------------------------------

  /** True once the memory is released. After that only `shape` and `dtype` can be read. */
  get released(): boolean {
    return this.handle.releasedBy !== null;
  }

  /** Releases the memory now instead of at the end of the scope. Never required inside a scope. */
  release(): void {
    this.handle.release("release()");
  }

  /** `using t = …` releases t at the end of the block. */
  [Symbol.dispose](): void {
    this.handle.release("the end of its `using` block");
  }

  // --- autograd --------------------------------------------------------------------------------------------

  /**
   * Whether a gradient flows to or through this tensor. Can be set on leaves (tensors not created by an op).
   */
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

  /** True for tensors that were not produced by a recorded op. */
  get isLeaf(): boolean {
    return this.handle.node === null;
  }

  /** The gradient that `backward()` accumulated into this leaf, or null. */
  get grad(): Tensor | null {
    return this.#grad;
  }

  /**
   * Set to null to drop the gradient, as `optimizer.zeroGrad()` does; this releases it unless `keep()` was
   * called on it. An assigned tensor is then owned by this tensor. If it is the gradient of another tensor,
   * that tensor still owns it, and the two gradients share memory.
   */
  set grad(given: Tensor | null) {
    if (given === this.#grad) return;
    if (given !== null) {
      if (!(given instanceof Tensor)) throw new OptionError(`grad: expected a tensor or null, got ${typeof given}`);
      expectSameShape("grad", "a gradient", this.shape, given.shape);
      expectFloat("grad", given.array);
    }
    const value = given?.handle.gradOf ? new Tensor(given.array, { owner: "tensor", node: given.handle.node }) : given;
    if (this.#grad) gradientOf.delete(this.#grad);
    const old = this.handle.disownGrad();
    if (old?.kept === false) old.release("zeroGrad() or a new gradient");
    this.#grad = value;
    if (value) {
      gradientOf.set(value, this);
      this.handle.ownGrad(value.handle);
    }
  }

  /** @internal Adds to `grad`; called by the backward pass. */
  accumulateGrad(grad: NDArray): void {
    if (this.released) return; // the tensor's scope has ended, so its gradient can no longer be read
    withFrame(() => {
      if (this.#grad) {
        this.#grad.#become(addInto(this.#grad.array, grad));
      } else {
        // the array is used without a copy if it has no other owner
        const own = grad.block.owners > 1 ? cloneArray(grad) : grad;
        this.grad = new Tensor(own.withShape(this.shape), { owner: "tensor" });
      }
    });
  }

  /**
   * @internal Takes the memory and the graph of the result of an operation: for methods that work in place.
   */
  become(result: Tensor): void {
    const { node } = result.handle;
    this.#become(result.array);
    if (node) {
      node.retain(); // it may own the node before it
      this.handle.dropNode();
      this.handle.setNode(node);
      node.release();
    }
  }

  /** Replaces the values. The tensor gets new memory if its current block is shared. */
  #become(array: NDArray): void {
    if (array.block === this.#array.block) array.block.version++;
    else {
      this.handle.replaceBlock(array.block);
      this.#array = array.withShape(this.shape);
      (this as { contents: object }).contents = new Proxy(this.#array, CONTENTS);
    }
  }

  /** @internal The hooks of a leaf. */
  get gradientHooks(): readonly GradientHook[] | null {
    return hooksOfLeaf(this);
  }

  /**
   * Computes the gradient of this tensor with respect to every leaf with `requiresGrad`, and adds it to the
   * leaf's `grad`.
   *
   * @param gradient dL/d(this), of the same shape. Optional if this tensor has one element (default 1).
   * @param options `retainGraph` (default: `createGraph`): keep the arrays saved in the graph, for another
   *   `backward()`. `createGraph` (default false): the gradients are differentiable themselves. The graph of
   *   a leaf's `grad` then holds the leaf: set `grad` to null when it is no longer needed.
   * @throws AutogradError if there is no graph, or an earlier `backward()` released it.
   * @example
   * ```ts
   * import { tensor } from "wasmgrad";
   * const x = tensor([1, 2, 3], { requiresGrad: true });
   * x.square().sum().backward();
   * console.log(x.grad?.toArray()); // [2, 4, 6]
   * ```
   */
  backward(gradient?: Tensor, options?: { retainGraph?: boolean; createGraph?: boolean }): void {
    const { array } = this;
    const { createGraph, ...rest } = readOptions("backward", options, {
      retainGraph: undefined as boolean | undefined,
      createGraph: false,
    });
    checkBoolean("backward", "createGraph", createGraph);
    const retainGraph = checkBoolean("backward", "retainGraph", rest.retainGraph ?? createGraph);
    expectGraph(this);
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
        if (createGraph) backwardWithGraph(this, gradient ?? new Tensor(seed), retainGraph);
        else if (this.handle.node) runBackward([{ edge: this.handle.node, gradient: seed }], retainGraph);
        else runBackward([{ edge: this, gradient: gradient ? cloneArray(seed) : seed }], retainGraph);
      }),
    );
  }

  /** The same values, detached from the graph. Shares memory. Matches `Tensor.detach`. */
  detach(): Tensor {
    return new Tensor(this.array);
  }
}
