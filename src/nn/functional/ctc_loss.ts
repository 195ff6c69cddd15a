import { noGrad } from "../../autograd/grad_mode.ts";
import { checkBoolean, checkChoice, checkInteger, readOptions } from "../../checks.ts";
import { DTypeError, formatShape, OptionError, ShapeError } from "../../errors.ts";
import type { LossReduction } from "../../ops/loss/pairwise.ts";
import { tensor } from "../../tensor/creation.ts";
import { arange, full, zeros } from "../../tensor/fill.ts";
import { cat, maximum, where } from "../../tensor/functions.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { expectTensors } from "./distance.ts";
import type { LossOptions } from "./loss.ts";
import { pad } from "./pad.ts";

export interface CTCLossOptions extends LossOptions {
  /** The class that stands for no label. Default 0. */
  blank?: number;
  /** Whether infinite losses, of targets longer than their inputs, count as 0. Default false. */
  zeroInfinity?: boolean;
}

/** Stands for log 0 in sums: its exponential is 0, and it has no infinity's NaN. */
const LOG_ZERO = -1e30;

/** Reads and checks the options of the CTC loss. */
export function readCtc(op: string, options: CTCLossOptions | undefined): Required<CTCLossOptions> {
  const defaults: Required<CTCLossOptions> = { reduction: "mean", blank: 0, zeroInfinity: false };
  const read = readOptions(op, options, defaults);
  checkChoice(op, "reduction", read.reduction, ["mean", "sum", "none"]);
  checkInteger(op, "blank", read.blank, 0);
  checkBoolean(op, "zeroInfinity", read.zeroInfinity);
  return read;
}

function lengthsOf(op: string, name: string, lengths: Tensor | readonly number[], batch: number, most: number): Tensor {
  if (!(lengths instanceof Tensor)) {
    if (!Array.isArray(lengths)) throw new OptionError(`${op}: ${name} expected an array or an int32 tensor`);
    for (const [i, length] of lengths.entries()) checkInteger(op, `${name}[${i}]`, length, 0, most);
  }
  const values = lengths instanceof Tensor ? lengths : tensor([...lengths], { dtype: "int32" });
  if (values.dtype !== "int32") throw new DTypeError(`${op}: ${name} expected int32, got ${values.dtype}`);
  if (values.dim() === 1 && values.shape[0] === batch) return values;
  throw new ShapeError(`${op}: ${name} expected shape [${batch}], got ${formatShape(values.shape)}`);
}

/** `log(e^a + e^b + e^c)`. */
function logSum(a: Tensor, b: Tensor, c: Tensor): Tensor {
  const most = noGrad(() => maximum(maximum(a, b), c));
  return a.sub(most).exp().add(b.sub(most).exp()).add(c.sub(most).exp()).log().add(most);
}

/**
 * Connectionist temporal classification: minus the logarithm of the probability that the frames of an input
 * spell its target, summed over all alignments with blanks between labels. Matches
 * `torch.nn.functional.ctc_loss`, for targets [N,S] (not concatenated ones).
 *
 * @param logProbs log-probabilities [T,N,C] or [T,C], as returned by `logSoftmax`
 * @param targets int32 classes [N,S] or [S]
 * @param inputLengths frames of each input, at most T; @param targetLengths labels of each target, at most S
 * @param options `blank` (default 0); `zeroInfinity` (default false); `reduction`: `"mean"` (the default)
 *   divides each loss by its target's length first.
 * @throws ShapeError, DTypeError, OptionError for arguments that do not fit.
 * see: Graves et al., Connectionist temporal classification, 2006
 * @example
 * ```ts
 * import { nn, tensor, zeros } from "wasmgrad";
 * const logProbs = nn.functional.logSoftmax(zeros([2, 1, 3]), 2);
 * const targets = tensor([[1]], { dtype: "int32" });
 * console.log(nn.functional.ctcLoss(logProbs, targets, [2], [1]).item()); // 1.0986…: log 9/3
 * ```
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  options?: CTCLossOptions,
): Tensor {
  const op = "ctcLoss";
  const { reduction, blank, zeroInfinity } = readCtc(op, options);
  expectTensors(op, { logProbs, targets });
  if (targets.dtype !== "int32") throw new DTypeError(`${op}: targets expected int32, got ${targets.dtype}`);
  const single = logProbs.dim() === 2 && targets.dim() === 1;
  const [x, y] = single ? [logProbs.unsqueeze(1), targets.unsqueeze(0)] : [logProbs, targets];
  if (x.dim() !== 3 || y.dim() !== 2 || y.shape[0] !== x.shape[1]) {
    const shapes = `${formatShape(logProbs.shape)} and ${formatShape(targets.shape)}`;
    throw new ShapeError(`${op}: expected logProbs [T,N,C] and targets [N,S], got ${shapes}`);
  }
  const [steps, batch, classes] = x.shape;
  checkInteger(op, "blank", blank, 0, classes - 1);
  const size = y.shape[1];
  const frames = lengthsOf(op, "inputLengths", inputLengths, batch, steps);
  const labels = lengthsOf(op, "targetLengths", targetLengths, batch, size);
  const { losses, possible } = alignments(x, y, frames, labels, blank);
  const shown = losses.where(possible, zeroInfinity ? 0 : Infinity);
  return reduceLosses(single ? shown.squeeze(0) : shown, single ? labels.squeeze(0) : labels, reduction);
}

function reduceLosses(losses: Tensor, labels: Tensor, reduction: LossReduction): Tensor {
  if (reduction === "none") return losses;
  if (reduction === "sum") return losses.sum();
  return losses.div(labels.float().clamp({ min: 1 })).mean();
}

/** The loss of each sample by the forward recursion, and whether any alignment exists. */
function alignments(x: Tensor, y: Tensor, frames: Tensor, labels: Tensor, blank: number) {
  const [steps, batch] = x.shape;
  const size = y.shape[1];
  const width = 2 * size + 1;
  // positions: blank, label 0, blank, label 1, … blank
  const blanks = full([batch, size, 1], blank, { dtype: "int32" });
  const spelled = cat([blanks, y.unsqueeze(2)], 2).reshape([batch, 2 * size]);
  const path = cat([spelled, full([batch, 1], blank, { dtype: "int32" })], 1);
  // a label may follow the one before it without a blank if the two differ
  const before = width > 2 ? cat([full([batch, 2], blank, { dtype: "int32" }), path.narrow(1, 0, width - 2)], 1) : path;
  const skips = path
    .ne(blank)
    .logicalAnd(path.ne(before))
    .logicalAnd(arange(0, width, { dtype: "int32" }).ge(2));
  const none = zeros([batch, width]).add(LOG_ZERO);
  const emitted = (t: number) => x.select(0, t).gather(1, path);
  const from = (alpha: Tensor, distance: number) =>
    width > distance ? pad(alpha.narrow(1, 0, width - distance), [distance, 0], { value: LOG_ZERO }) : none;
  const starts = arange(0, width, { dtype: "int32" }).lt(2).expand([batch, width]);
  let alpha = where(starts, emitted(0), none);
  for (let t = 1; t < steps; t++) {
    const next = logSum(alpha, from(alpha, 1), where(skips, from(alpha, 2), none)).add(emitted(t));
    alpha = where(frames.gt(t).unsqueeze(1), next, alpha);
  }
  // the path ends at the last label or at the blank after it
  const end = labels.mul(2).unsqueeze(1);
  const last = alpha.gather(1, end);
  const label = alpha.gather(1, end.sub(1).clamp({ min: 0 })).where(labels.unsqueeze(1).gt(0), LOG_ZERO);
  const total = logSum(last, label, zeros([batch, 1]).add(LOG_ZERO)).squeeze(1);
  const possible = total.gt(LOG_ZERO / 2).logicalAnd(frames.gt(0).logicalOr(labels.eq(0)));
  const losses = total.neg().where(frames.gt(0), 0);
  return { losses, possible };
}
