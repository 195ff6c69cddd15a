import { enableGrad, noGrad } from "../autograd/grad_mode.ts";
import { checkFunction, checkInteger, checkNumber, describe, isObject, refusePromise } from "../checks.ts";
import { formatShape, OptionError, StateDictError } from "../errors.ts";
import { zeros } from "../tensor/fill.ts";
import { cat, stack } from "../tensor/functions.ts";
import { keep, scope } from "../tensor/lifetime/scoped.ts";
import { checkStateKind } from "../tensor/state_kind.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type LinePoint, strongWolfe } from "./line_search.ts";
import { type LearningRate, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";
import type { OptimizerStateDict, ParamState } from "./optimizer_state.ts";

export interface LBFGSOptions extends LearningRate {
  /** Length of a step, or with a line search its first guess. Default 1. */
  lr: number;
  /** Iterations per step. Default 20. */
  maxIter: number;
  /** Evaluations of the closure per step. Default (null) maxIter · 5 / 4. */
  maxEval: number | null;
  /** A step ends when no element of the gradient is larger. Default 1e-7. */
  toleranceGrad: number;
  /** A step ends when neither the parameters nor the loss change more. Default 1e-9. */
  toleranceChange: number;
  /** Number of past updates that approximate the curvature. Default 100. */
  historySize: number;
  /** `"strongWolfe"`, or null (the default): every step has the length `lr`. */
  lineSearchFn: "strongWolfe" | null;
}

/** An update of the parameters, the change of the gradient along it, and 1 / their product. */
interface Pair {
  step: Tensor;
  change: Tensor;
  ro: number;
}

const dot = (a: Tensor, b: Tensor): number => a.mul(b).sum().item();
const largest = (x: Tensor): number => (x.numel() === 0 ? 0 : x.abs().max().item());

/**
 * L-BFGS, a quasi-Newton method for small problems and whole data sets. Matches `torch.optim.LBFGS`. `step`
 * takes a closure that computes the loss and its gradients; it is called several times. There is one group of
 * parameters. The state dict holds copies.
 *
 * @throws OptionError for bad or unknown options, a second group, and a `step` without a closure.
 * see: Liu & Nocedal, On the limited memory BFGS method for large scale optimization, 1989
 * @example
 * ```ts
 * import { optim, tensor } from "wasmgrad";
 * const x = tensor([4, -3], { requiresGrad: true });
 * const optimizer = new optim.LBFGS([x], { lineSearchFn: "strongWolfe" });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = x.square().mul(tensor([1, 10])).sum();
 *   loss.backward();
 *   return loss;
 * });
 * console.log(x.abs().max().item() < 1e-3); // true
 * ```
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  protected readonly stateKinds = {} as const;
  #funcEvals = 0;
  #iterations = 0;
  #pairs: Pair[] = [];
  #scale = 1;
  #t = 0;
  #loss = 0;
  /** The direction and the gradient of the last iteration. */
  #direction: Tensor | null = null;
  #gradient: Tensor | null = null;

  constructor(params: Params<LBFGSOptions>, options?: Partial<LBFGSOptions>) {
    super("LBFGS", params, options, {
      lr: 1,
      maxIter: 20,
      maxEval: null,
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
    });
  }

  protected checkOptions(o: LBFGSOptions): void {
    for (const name of ["lr", "toleranceGrad", "toleranceChange"] as const) checkNumber(this.name, name, o[name], 0);
    for (const name of ["maxIter", "historySize"] as const) checkInteger(this.name, name, o[name], 1);
    if (o.maxEval !== null) checkInteger(this.name, "maxEval", o.maxEval, 1);
    if (o.lineSearchFn !== null && o.lineSearchFn !== "strongWolfe") {
      throw new OptionError(
        `${this.name}: lineSearchFn expected "strongWolfe" or null, got ${describe(o.lineSearchFn)}`,
      );
    }
  }

  override addParamGroup(group: Partial<LBFGSOptions> & { params: Iterable<Tensor> }): void {
    if (this.paramGroups.length > 0) throw new OptionError(`${this.name}: expected one group of parameters`);
    super.addParamGroup(group);
  }

  protected update(): never {
    throw new OptionError(`${this.name}: step expected a closure`);
  }

  get #group(): ParamGroup<LBFGSOptions> {
    return this.paramGroups[0];
  }

  /** Runs up to `maxIter` iterations. Returns what the first call of the closure returned. */
  override step(): never;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T {
    checkFunction(`${this.name}.step`, "closure", closure);
    this.expectLiveParams();
    return scope(() => {
      let first: T | undefined;
      let calls = 0;
      const evaluate = (): { loss: number; grad: Tensor } => {
        const result = enableGrad(() => refusePromise(`${this.name}.step`, (closure as () => T)()));
        if (calls++ === 0) first = result;
        const loss = result instanceof Tensor ? result.item() : result;
        if (typeof loss !== "number") {
          throw new OptionError(`${this.name}.step: the closure expected to return the loss, got ${describe(result)}`);
        }
        return { loss, grad: this.#flatGradient() };
      };
      noGrad(() => this.#iterate(evaluate));
      return first as T;
    });
  }

  #iterate(evaluate: () => { loss: number; grad: Tensor }): void {
    const { lr, maxIter, toleranceGrad, toleranceChange, lineSearchFn } = this.#group;
    const maxEval = this.#group.maxEval ?? Math.floor((maxIter * 5) / 4);
    let { loss, grad } = evaluate();
    let evaluations = 1;
    this.#funcEvals++;
    if (largest(grad) <= toleranceGrad) return;
    for (let n = 1; n <= maxIter; n++) {
      this.#iterations++;
      const direction = this.#nextDirection(grad);
      this.#replace(direction, grad);
      const lossBefore = loss;
      let t = this.#iterations === 1 ? Math.min(1, 1 / grad.abs().sum().item()) * lr : lr;
      const slope = dot(grad, direction);
      this.#t = t;
      this.#loss = loss;
      if (slope > -toleranceChange) break;
      if (lineSearchFn) {
        const start = this.#group.params.map((param) => param.clone());
        const at = (step: number): LinePoint => {
          this.#move(step, direction);
          const found = evaluate();
          this.#group.params.forEach((param, i) => {
            param.copy_(start[i]);
          });
          return { t: step, ...found, slope: dot(found.grad, direction) };
        };
        const reach = largest(direction);
        const found = strongWolfe(at, { t: 0, loss, grad, slope }, t, reach, toleranceChange);
        ({ t, loss, grad } = found.point);
        this.#t = t;
        this.#move(t, direction);
        evaluations += found.evaluations;
        this.#funcEvals += found.evaluations;
      } else {
        this.#move(t, direction);
        if (n < maxIter) {
          ({ loss, grad } = evaluate());
          evaluations++;
          this.#funcEvals++;
        }
      }
      if (evaluations >= maxEval || largest(grad) <= toleranceGrad) break;
      if (largest(direction) * t <= toleranceChange || Math.abs(loss - lossBefore) < toleranceChange) break;
    }
  }

  /** The direction of the next iteration: the gradient times the approximate inverse of the curvature. */
  #nextDirection(grad: Tensor): Tensor {
    if (!this.#direction || !this.#gradient) return grad.neg();
    const change = grad.sub(this.#gradient);
    const step = this.#direction.mul(this.#t);
    const product = dot(change, step);
    if (product > 1e-10) {
      if (this.#pairs.length >= this.#group.historySize) this.#forget(this.#pairs.shift());
      this.#pairs.push({ step: keep(step), change: keep(change), ro: 1 / product });
      this.#scale = product / dot(change, change);
    }
    let q = grad.neg();
    const shares = new Array<number>(this.#pairs.length);
    for (let i = this.#pairs.length - 1; i >= 0; i--) {
      const pair = this.#pairs[i];
      shares[i] = dot(pair.step, q) * pair.ro;
      q = q.sub(pair.change.mul(shares[i]));
    }
    let r = q.mul(this.#scale);
    this.#pairs.forEach((pair, i) => {
      r = r.add(pair.step.mul(shares[i] - dot(pair.change, r) * pair.ro));
    });
    return r;
  }

  #replace(direction: Tensor | null, gradient: Tensor | null): void {
    this.#direction?.release();
    if (this.#gradient !== gradient) this.#gradient?.release();
    this.#direction = direction && keep(direction);
    this.#gradient = gradient && keep(gradient);
  }

  #forget(pair: Pair | undefined): void {
    pair?.step.release();
    pair?.change.release();
  }

  #flatGradient(): Tensor {
    const parts = this.#group.params.map((param) => (param.grad ? param.grad.reshape([-1]) : zeros([param.numel()])));
    return noGrad(() => cat(parts));
  }

  /** Adds `t · direction` to the parameters. */
  #move(t: number, direction: Tensor): void {
    let offset = 0;
    for (const param of this.#group.params) {
      const part = direction.narrow(0, offset, param.numel()).reshape(param.shape);
      param.copy_(param.add(part.mul(t)));
      offset += param.numel();
    }
  }

  override stateDict(): OptimizerStateDict {
    const { paramGroups } = super.stateDict();
    const state: ParamState = { func_evals: this.#funcEvals, n_iter: this.#iterations, H_diag: this.#scale };
    if (this.#direction && this.#gradient) {
      Object.assign(state, { t: this.#t, prev_loss: this.#loss });
      Object.assign(state, { d: this.#direction.clone(), prev_flat_grad: this.#gradient.clone() });
    }
    if (this.#pairs.length > 0) {
      state.old_dirs = stack(this.#pairs.map(({ change }) => change));
      state.old_stps = stack(this.#pairs.map(({ step }) => step));
    }
    return { state: this.#funcEvals > 0 ? { 0: state } : {}, paramGroups };
  }

  override loadStateDict(dict: OptimizerStateDict): void {
    checkStateKind(this.name, "optimizer", dict);
    const { options } = this.readGroups(dict);
    const state = dict.state[0] ?? {};
    const size = this.#group.params.reduce((sum, param) => sum + param.numel(), 0);
    const tensorOf = (key: string, shape: number[]) => {
      const value = state[key];
      const expected = `float32 ${formatShape(shape)}`;
      if (value instanceof Tensor && `${value.dtype} ${formatShape(value.shape)}` === expected) return value;
      throw new StateDictError(`${this.name}.loadStateDict: ${key} expected ${expected}, got ${describe(value)}`);
    };
    const numberOf = (key: string, fallback: number) => {
      const value = state[key] ?? fallback;
      if (typeof value === "number" && Number.isFinite(value)) return value;
      throw new StateDictError(`${this.name}.loadStateDict: ${key} expected a number, got ${describe(value)}`);
    };
    if (!isObject(state)) throw new StateDictError(`${this.name}.loadStateDict: state expected an object`);
    const [funcEvals, iterations] = [numberOf("func_evals", 0), numberOf("n_iter", 0)];
    const [scale, t, loss] = [numberOf("H_diag", 1), numberOf("t", 0), numberOf("prev_loss", 0)];
    const last = state.d === undefined ? null : [tensorOf("d", [size]), tensorOf("prev_flat_grad", [size])];
    const count = state.old_dirs instanceof Tensor ? state.old_dirs.shape[0] : 0;
    const history = count > 0 ? [tensorOf("old_dirs", [count, size]), tensorOf("old_stps", [count, size])] : null;
    scope(() => {
      const pairs = Array.from({ length: count }, (_, i): Pair => {
        const [change, step] = (history as Tensor[]).map((rows) => rows.select(0, i).detach());
        return { change, step, ro: 1 / dot(change, step) };
      });
      const copies = last?.map((value) => noGrad(() => value.clone()));
      this.release();
      for (const pair of pairs) for (const value of [pair.step, pair.change]) keep(value);
      this.#replace(copies?.[0] ?? null, copies?.[1] ?? null);
      this.#pairs = pairs;
    });
    Object.assign(this.#group, options[0]);
    this.#funcEvals = funcEvals;
    this.#iterations = iterations;
    this.#scale = scale;
    this.#t = t;
    this.#loss = loss;
  }

  override release(): void {
    super.release();
    this.#replace(null, null);
    for (const pair of this.#pairs) this.#forget(pair);
    this.#pairs = [];
  }
}
