// One step of a recurrent layer for `count` samples, and its gradient: the part of sequence.ts that is no
// product. Arrays are float32. Rows have `size` elements (the hidden size), or several gates of `size`
// elements, one after the other. Eight elements at a time are pairs of vectors, of which the upper one is
// stored first: see ../matmul/wide.md.
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

/** Elements i + 4 to i + 7. */
// @ts-ignore: decorator
@inline
function upper4(base: usize, i: i32): v128 {
  return v128.load(base + (<usize>i << 2), 16);
}

/** Stores elements i to i + 7, the upper half first. */
// @ts-ignore: decorator
@inline
function store8(base: usize, i: i32, low: v128, high: v128): void {
  const at = base + (<usize>i << 2);
  v128.store(at, high, 16);
  v128.store(at, low);
}

/** to = sigmoid(x + g), `count` elements. */
function sigmoidSums(x: usize, g: usize, to: usize, count: i32): void {
  let k = 0;
  for (; k + 8 <= count; k += 8) {
    const low = sigmoid4(f32x4.add(load4(x, k), load4(g, k)));
    const high = sigmoid4(f32x4.add(upper4(x, k), upper4(g, k)));
    store8(to, k, low, high);
  }
  for (; k < count; k += 4) storeUpTo(to, k, count, sigmoid4(sum4(x, g, k)));
}

/** to = tanh(x + g), `count` elements. */
function tanhSums(x: usize, g: usize, to: usize, count: i32): void {
  let k = 0;
  for (; k + 8 <= count; k += 8) {
    const low = tanh4(f32x4.add(load4(x, k), load4(g, k)));
    const high = tanh4(f32x4.add(upper4(x, k), upper4(g, k)));
    store8(to, k, low, high);
  }
  for (; k < count; k += 4) storeUpTo(to, k, count, tanh4(sum4(x, g, k)));
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
 * h = y = sigmoid(o) tanh(c). gates (5 size): the four functions' results, and tanh(c).
 */
export function lstmStep(
  count: i32, size: i32, gx: usize, hg: usize, gates: usize,
  hBefore: usize, cBefore: usize, h: usize, c: usize, y: usize, lengths: usize, step: i32,
): void {
  const second = <usize>size << 2;
  for (let n = 0; n < count; n++) {
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
    const input = row(gates, n, 5 * size);
    const forget = input + second;
    const cell = forget + second;
    const output = cell + second;
    const state = output + second;
    sigmoidSums(x, r, input, 2 * size);
    tanhSums(x + 2 * second, r + 2 * second, cell, size);
    sigmoidSums(x + 3 * second, r + 3 * second, output, size);
    let k = 0;
    for (; k + 8 <= size; k += 8) {
      const cLow = f32x4.add(
        f32x4.mul(load4(forget, k), load4(before, k)), f32x4.mul(load4(input, k), load4(cell, k)),
      );
      const cHigh = f32x4.add(
        f32x4.mul(upper4(forget, k), upper4(before, k)), f32x4.mul(upper4(input, k), upper4(cell, k)),
      );
      const tanhLow = tanh4(cLow);
      const tanhHigh = tanh4(cHigh);
      const hLow = f32x4.mul(load4(output, k), tanhLow);
      const hHigh = f32x4.mul(upper4(output, k), tanhHigh);
      store8(cRow, k, cLow, cHigh);
      store8(state, k, tanhLow, tanhHigh);
      store8(hRow, k, hLow, hHigh);
      store8(yRow, k, hLow, hHigh);
    }
    for (; k < size; k += 4) {
      const next = f32x4.add(
        f32x4.mul(load4(forget, k), load4(before, k)), f32x4.mul(load4(input, k), load4(cell, k)),
      );
      const tanh = tanh4(next);
      const result = f32x4.mul(load4(output, k), tanh);
      storeUpTo(cRow, k, size, next);
      storeUpTo(state, k, size, tanh);
      storeUpTo(hRow, k, size, result);
      storeUpTo(yRow, k, size, result);
    }
  }
}

/** The gradient of lstmStep: dGates (4 size) is that of gx and hg; dc, of c, becomes that of cBefore. */
export function lstmStepGrad(
  count: i32, size: i32, gates: usize, cBefore: usize, dy: usize,
  dh: usize, dc: usize, dGates: usize, lengths: usize, step: i32,
): void {
  const second = <usize>size << 2;
  for (let n = 0; n < count; n++) {
    const dInput = row(dGates, n, 4 * size);
    if (isOver(lengths, n, step)) {
      zeroRow(dInput, 4 * size);
      continue;
    }
    const dForget = dInput + second;
    const dCell = dForget + second;
    const dOutput = dCell + second;
    const dhRow = row(dh, n, size);
    const dcRow = row(dc, n, size);
    const dyRow = row(dy, n, size);
    const input = row(gates, n, 5 * size);
    const forget = input + second;
    const cell = forget + second;
    const output = cell + second;
    const state = output + second;
    const before = row(cBefore, n, size);
    let k = 0;
    // the gradient of c first
    for (; k + 8 <= size; k += 8) {
      const gradLow = f32x4.add(load4(dyRow, k), load4(dhRow, k));
      const gradHigh = f32x4.add(upper4(dyRow, k), upper4(dhRow, k));
      const outLow = load4(output, k);
      const outHigh = upper4(output, k);
      const stateLow = load4(state, k);
      const stateHigh = upper4(state, k);
      const dcLow = f32x4.add(load4(dcRow, k), throughTanh(f32x4.mul(gradLow, outLow), stateLow));
      const dcHigh = f32x4.add(upper4(dcRow, k), throughTanh(f32x4.mul(gradHigh, outHigh), stateHigh));
      const dOutLow = throughSigmoid(f32x4.mul(gradLow, stateLow), outLow);
      const dOutHigh = throughSigmoid(f32x4.mul(gradHigh, stateHigh), outHigh);
      store8(dcRow, k, dcLow, dcHigh);
      store8(dOutput, k, dOutLow, dOutHigh);
    }
    for (; k < size; k += 4) {
      const grad = sum4(dyRow, dhRow, k);
      const out = load4(output, k);
      const tanh = load4(state, k);
      storeUpTo(dcRow, k, size, f32x4.add(load4(dcRow, k), throughTanh(f32x4.mul(grad, out), tanh)));
      storeUpTo(dOutput, k, size, throughSigmoid(f32x4.mul(grad, tanh), out));
    }
    zeroRow(dhRow, size);
    for (k = 0; k + 8 <= size; k += 8) {
      const dcLow = load4(dcRow, k);
      const dcHigh = upper4(dcRow, k);
      const inputLow = load4(input, k);
      const inputHigh = upper4(input, k);
      const forgetLow = load4(forget, k);
      const forgetHigh = upper4(forget, k);
      const cellLow = load4(cell, k);
      const cellHigh = upper4(cell, k);
      const dInputLow = throughSigmoid(f32x4.mul(dcLow, cellLow), inputLow);
      const dInputHigh = throughSigmoid(f32x4.mul(dcHigh, cellHigh), inputHigh);
      const dForgetLow = throughSigmoid(f32x4.mul(dcLow, load4(before, k)), forgetLow);
      const dForgetHigh = throughSigmoid(f32x4.mul(dcHigh, upper4(before, k)), forgetHigh);
      const dCellLow = throughTanh(f32x4.mul(dcLow, inputLow), cellLow);
      const dCellHigh = throughTanh(f32x4.mul(dcHigh, inputHigh), cellHigh);
      store8(dInput, k, dInputLow, dInputHigh);
      store8(dForget, k, dForgetLow, dForgetHigh);
      store8(dCell, k, dCellLow, dCellHigh);
      store8(dcRow, k, f32x4.mul(dcLow, forgetLow), f32x4.mul(dcHigh, forgetHigh));
    }
    for (; k < size; k += 4) {
      const dState = load4(dcRow, k);
      const forgotten = load4(forget, k);
      storeUpTo(dInput, k, size, throughSigmoid(f32x4.mul(dState, load4(cell, k)), load4(input, k)));
      storeUpTo(dForget, k, size, throughSigmoid(f32x4.mul(dState, load4(before, k)), forgotten));
      storeUpTo(dCell, k, size, throughTanh(f32x4.mul(dState, load4(input, k)), load4(cell, k)));
      storeUpTo(dcRow, k, size, f32x4.mul(dState, forgotten));
    }
  }
}

/** (1 - z) fresh + z before */
// @ts-ignore: decorator
@inline
function mixed(z: v128, fresh: v128, before: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.sub(f32x4.splat(1), z), fresh), f32x4.mul(z, before));
}

/**
 * r = sigmoid(gx + hg), z = sigmoid(gx + hg), n = tanh(gx + r hg), with the three gates of gx and hg (3
 * size); h = y = (1 - z) n + z hBefore. gates (4 size): r, z, n, and the third gate of hg.
 */
export function gruStep(
  count: i32, size: i32, gx: usize, hg: usize, gates: usize,
  hBefore: usize, h: usize, y: usize, lengths: usize, step: i32,
): void {
  for (let n = 0; n < count; n++) {
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
    const update = out + second;
    const fresh = update + second;
    const x3 = x + 2 * second;
    const g3 = g + 2 * second;
    sigmoidSums(x, g, out, 2 * size);
    copyRow(g3, fresh + second, size);
    let k = 0;
    for (; k + 8 <= size; k += 8) {
      const freshLow = tanh4(f32x4.add(load4(x3, k), f32x4.mul(load4(out, k), load4(g3, k))));
      const freshHigh = tanh4(f32x4.add(upper4(x3, k), f32x4.mul(upper4(out, k), upper4(g3, k))));
      const low = mixed(load4(update, k), freshLow, load4(before, k));
      const high = mixed(upper4(update, k), freshHigh, upper4(before, k));
      store8(fresh, k, freshLow, freshHigh);
      store8(hRow, k, low, high);
      store8(yRow, k, low, high);
    }
    for (; k < size; k += 4) {
      const next = tanh4(f32x4.add(load4(x3, k), f32x4.mul(load4(out, k), load4(g3, k))));
      const result = mixed(load4(update, k), next, load4(before, k));
      storeUpTo(fresh, k, size, next);
      storeUpTo(hRow, k, size, result);
      storeUpTo(yRow, k, size, result);
    }
  }
}

/** The gradient of gruStep: dGx and dHg (3 size). */
export function gruStepGrad(
  count: i32, size: i32, gates: usize, hBefore: usize, dy: usize,
  dh: usize, dGx: usize, dHg: usize, lengths: usize, step: i32,
): void {
  for (let n = 0; n < count; n++) {
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
  count: i32, size: i32, gx: usize, hg: usize,
  hBefore: usize, h: usize, y: usize, relu: i32, lengths: usize, step: i32,
): void {
  for (let n = 0; n < count; n++) {
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

/** The gradient of rnnStep: dGates is that of gx and of hg. */
export function rnnStepGrad(
  count: i32, size: i32, h: usize, dy: usize, dh: usize, dGates: usize, relu: i32, lengths: usize, step: i32,
): void {
  for (let n = 0; n < count; n++) {
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
