// One step of a recurrent layer for a batch of samples, and its gradient. Arrays are float32. Unit: one
// sample. Rows have `size` elements (the hidden size), or several gates of `size` elements, one after the
// other.
//
// lengths (0: none): for each sample its number of steps, int32. In a step at or after it the state is
// copied, y is 0, and the gradients of the gates are 0. `step`: the number of the step.
//
// Gradients: dy is that of the step's output; dh is that of the state after the step, without dy. In place,
// dh becomes the part of the gradient of the state before the step that does not go through `weight_hh`.

import { sigmoid4, tanh4 } from "../lib/math";
import { load4, storeUpTo } from "../lib/simd";

/** The address of a row of `width` floats. */
// @ts-ignore: decorator
@inline
function row(base: usize, i: i32, width: i32): usize {
  return base + ((<usize>i * <usize>width) << 2);
}

// @ts-ignore: decorator
@inline
function isOver(lengths: usize, i: i32, step: i32): bool {
  return lengths != 0 && load<i32>(lengths + (<usize>i << 2)) <= step;
}

/** The sum of two arrays' elements i to i + 3. */
// @ts-ignore: decorator
@inline
function sum4(a: usize, b: usize, i: i32): v128 {
  return f32x4.add(load4(a, i), load4(b, i));
}

/** g x (1 - x): the derivative of a sigmoid with the result x. */
// @ts-ignore: decorator
@inline
function throughSigmoid(g: v128, x: v128): v128 {
  return f32x4.mul(f32x4.mul(g, x), f32x4.sub(f32x4.splat(1), x));
}

/** g (1 - x²): the derivative of a tanh with the result x. */
// @ts-ignore: decorator
@inline
function throughTanh(g: v128, x: v128): v128 {
  return f32x4.mul(g, f32x4.sub(f32x4.splat(1), f32x4.mul(x, x)));
}

function copyRow(from: usize, to: usize, size: i32): void {
  memory.copy(to, from, <usize>size << 2);
}

function zeroRow(to: usize, size: i32): void {
  memory.fill(to, 0, <usize>size << 2);
}

/**
 * With the gates i, f, g, o (4 size) of gx + hg: c = sigmoid(f) cBefore + sigmoid(i) tanh(g);
 * h = y = sigmoid(o) tanh(c). gates: the four functions' results.
 */
export function lstmStep(
  begin: i32, end: i32, size: i32, gx: usize, hg: usize, gates: usize,
  hBefore: usize, cBefore: usize, h: usize, c: usize, y: usize, lengths: usize, step: i32,
): void {
  for (let n = begin; n < end; n++) {
    const before = row(cBefore, n, size);
    const cRow = row(c, n, size);
    const hRow = row(h, n, size);
    const yRow = row(y, n, size);
    if (isOver(lengths, n, step)) {
      copyRow(before, cRow, size);
      copyRow(row(hBefore, n, size), hRow, size);
      zeroRow(yRow, size);
      continue;
    }
    const x = row(gx, n, 4 * size);
    const r = row(hg, n, 4 * size);
    const out = row(gates, n, 4 * size);
    const second = <usize>size << 2;
    for (let k = 0; k < size; k += 4) {
      const input = sigmoid4(sum4(x, r, k));
      const forget = sigmoid4(sum4(x + second, r + second, k));
      const cell = tanh4(sum4(x + 2 * second, r + 2 * second, k));
      const output = sigmoid4(sum4(x + 3 * second, r + 3 * second, k));
      const state = f32x4.add(f32x4.mul(forget, load4(before, k)), f32x4.mul(input, cell));
      const result = f32x4.mul(output, tanh4(state));
      storeUpTo(out, k, size, input);
      storeUpTo(out + second, k, size, forget);
      storeUpTo(out + 2 * second, k, size, cell);
      storeUpTo(out + 3 * second, k, size, output);
      storeUpTo(cRow, k, size, state);
      storeUpTo(hRow, k, size, result);
      storeUpTo(yRow, k, size, result);
    }
  }
}

/**
 * The gradient of lstmStep: dGates (4 size) is that of gx and of hg; dc, that of c, becomes that of cBefore.
 * @inPlace
 */
export function lstmStepGrad(
  begin: i32, end: i32, size: i32, gates: usize, cBefore: usize, c: usize, dy: usize,
  dh: usize, dc: usize, dGates: usize, lengths: usize, step: i32,
): void {
  for (let n = begin; n < end; n++) {
    const out = row(dGates, n, 4 * size);
    if (isOver(lengths, n, step)) {
      zeroRow(out, 4 * size);
      continue;
    }
    const dhRow = row(dh, n, size);
    const dcRow = row(dc, n, size);
    const dyRow = row(dy, n, size);
    const saved = row(gates, n, 4 * size);
    const before = row(cBefore, n, size);
    const after = row(c, n, size);
    const second = <usize>size << 2;
    for (let k = 0; k < size; k += 4) {
      const input = load4(saved, k);
      const forget = load4(saved + second, k);
      const cell = load4(saved + 2 * second, k);
      const output = load4(saved + 3 * second, k);
      const grad = sum4(dyRow, dhRow, k);
      const state = tanh4(load4(after, k));
      const dState = f32x4.add(load4(dcRow, k), throughTanh(f32x4.mul(grad, output), state));
      const dInput = throughSigmoid(f32x4.mul(dState, cell), input);
      const dForget = throughSigmoid(f32x4.mul(dState, load4(before, k)), forget);
      storeUpTo(out, k, size, dInput);
      storeUpTo(out + second, k, size, dForget);
      storeUpTo(out + 2 * second, k, size, throughTanh(f32x4.mul(dState, input), cell));
      storeUpTo(out + 3 * second, k, size, throughSigmoid(f32x4.mul(grad, state), output));
      storeUpTo(dcRow, k, size, f32x4.mul(dState, forget));
      storeUpTo(dhRow, k, size, f32x4.splat(0));
    }
  }
}

/**
 * r = sigmoid(gx + hg), z = sigmoid(gx + hg), n = tanh(gx + r hg), with the three gates of gx and hg (3
 * size); h = y = (1 - z) n + z hBefore. gates (4 size): r, z, n, and the third gate of hg.
 */
export function gruStep(
  begin: i32, end: i32, size: i32, gx: usize, hg: usize, gates: usize,
  hBefore: usize, h: usize, y: usize, lengths: usize, step: i32,
): void {
  for (let n = begin; n < end; n++) {
    const before = row(hBefore, n, size);
    const hRow = row(h, n, size);
    const yRow = row(y, n, size);
    if (isOver(lengths, n, step)) {
      copyRow(before, hRow, size);
      zeroRow(yRow, size);
      continue;
    }
    const x = row(gx, n, 3 * size);
    const g = row(hg, n, 3 * size);
    const out = row(gates, n, 4 * size);
    const second = <usize>size << 2;
    for (let k = 0; k < size; k += 4) {
      const reset = sigmoid4(sum4(x, g, k));
      const update = sigmoid4(sum4(x + second, g + second, k));
      const old = load4(g + 2 * second, k);
      const fresh = tanh4(f32x4.add(load4(x + 2 * second, k), f32x4.mul(reset, old)));
      const kept = f32x4.mul(update, load4(before, k));
      const result = f32x4.add(f32x4.mul(f32x4.sub(f32x4.splat(1), update), fresh), kept);
      storeUpTo(out, k, size, reset);
      storeUpTo(out + second, k, size, update);
      storeUpTo(out + 2 * second, k, size, fresh);
      storeUpTo(out + 3 * second, k, size, old);
      storeUpTo(hRow, k, size, result);
      storeUpTo(yRow, k, size, result);
    }
  }
}

/**
 * The gradient of gruStep: dGx and dHg (3 size).
 * @inPlace
 */
export function gruStepGrad(
  begin: i32, end: i32, size: i32, gates: usize, hBefore: usize, dy: usize,
  dh: usize, dGx: usize, dHg: usize, lengths: usize, step: i32,
): void {
  for (let n = begin; n < end; n++) {
    const dx = row(dGx, n, 3 * size);
    const dg = row(dHg, n, 3 * size);
    if (isOver(lengths, n, step)) {
      zeroRow(dx, 3 * size);
      zeroRow(dg, 3 * size);
      continue;
    }
    const before = row(hBefore, n, size);
    const dhRow = row(dh, n, size);
    const dyRow = row(dy, n, size);
    const saved = row(gates, n, 4 * size);
    const second = <usize>size << 2;
    for (let k = 0; k < size; k += 4) {
      const reset = load4(saved, k);
      const update = load4(saved + second, k);
      const fresh = load4(saved + 2 * second, k);
      const grad = sum4(dyRow, dhRow, k);
      const dFresh = throughTanh(f32x4.mul(grad, f32x4.sub(f32x4.splat(1), update)), fresh);
      const dUpdate = throughSigmoid(f32x4.mul(grad, f32x4.sub(load4(before, k), fresh)), update);
      const dReset = throughSigmoid(f32x4.mul(dFresh, load4(saved + 3 * second, k)), reset);
      storeUpTo(dx, k, size, dReset);
      storeUpTo(dx + second, k, size, dUpdate);
      storeUpTo(dx + 2 * second, k, size, dFresh);
      storeUpTo(dg, k, size, dReset);
      storeUpTo(dg + second, k, size, dUpdate);
      storeUpTo(dg + 2 * second, k, size, f32x4.mul(dFresh, reset));
      storeUpTo(dhRow, k, size, f32x4.mul(grad, update));
    }
  }
}

/** h = y = tanh(gx + hg), or max(gx + hg, 0) with relu. */
export function rnnStep(
  begin: i32, end: i32, size: i32, gx: usize, hg: usize,
  hBefore: usize, h: usize, y: usize, relu: i32, lengths: usize, step: i32,
): void {
  for (let n = begin; n < end; n++) {
    const hRow = row(h, n, size);
    const yRow = row(y, n, size);
    if (isOver(lengths, n, step)) {
      copyRow(row(hBefore, n, size), hRow, size);
      zeroRow(yRow, size);
      continue;
    }
    const x = row(gx, n, size);
    const g = row(hg, n, size);
    for (let k = 0; k < size; k += 4) {
      const sum = sum4(x, g, k);
      const result = relu ? f32x4.max(sum, f32x4.splat(0)) : tanh4(sum);
      storeUpTo(hRow, k, size, result);
      storeUpTo(yRow, k, size, result);
    }
  }
}

/**
 * The gradient of rnnStep: dGates is that of gx and of hg.
 * @inPlace
 */
export function rnnStepGrad(
  begin: i32, end: i32, size: i32, h: usize, dy: usize, dh: usize, dGates: usize, relu: i32, lengths: usize, step: i32,
): void {
  for (let n = begin; n < end; n++) {
    const out = row(dGates, n, size);
    if (isOver(lengths, n, step)) {
      zeroRow(out, size);
      continue;
    }
    const after = row(h, n, size);
    const dhRow = row(dh, n, size);
    const dyRow = row(dy, n, size);
    for (let k = 0; k < size; k += 4) {
      const state = load4(after, k);
      const grad = sum4(dyRow, dhRow, k);
      const passed = v128.and(grad, f32x4.gt(state, f32x4.splat(0)));
      storeUpTo(out, k, size, relu ? passed : throughTanh(grad, state));
      storeUpTo(dhRow, k, size, f32x4.splat(0));
    }
  }
}
