// What the machine could do at most: multiplications and additions of vectors, and nothing else.

import { sumFloats } from "../simd";
import { mulAdd } from "./micro_kernel";

/**
 * `rounds` rounds of 12 multiplications and additions of vectors on 12 accumulators: 96 floating-point operations a round. All
 * operands stay in registers, and 12 sums that do not wait for each other hide the latency of a multiplication and an addition
 * one after the other. With 0 < factor < 1 all values stay finite. Returns their sum, so that nothing can be left out.
 */
export function ceiling(rounds: i32, factor: f32): f32 {
  const one = f32x4.splat(1);
  const by = f32x4.splat(factor);
  let acc0 = one, acc1 = one, acc2 = one, acc3 = one, acc4 = one, acc5 = one;
  let acc6 = one, acc7 = one, acc8 = one, acc9 = one, acc10 = one, acc11 = one;
  for (let i = 0; i < rounds; i++) {
    acc0 = mulAdd(one, acc0, by);
    acc1 = mulAdd(one, acc1, by);
    acc2 = mulAdd(one, acc2, by);
    acc3 = mulAdd(one, acc3, by);
    acc4 = mulAdd(one, acc4, by);
    acc5 = mulAdd(one, acc5, by);
    acc6 = mulAdd(one, acc6, by);
    acc7 = mulAdd(one, acc7, by);
    acc8 = mulAdd(one, acc8, by);
    acc9 = mulAdd(one, acc9, by);
    acc10 = mulAdd(one, acc10, by);
    acc11 = mulAdd(one, acc11, by);
  }
  const low = f32x4.add(f32x4.add(f32x4.add(acc0, acc1), f32x4.add(acc2, acc3)), f32x4.add(acc4, acc5));
  const high = f32x4.add(f32x4.add(f32x4.add(acc6, acc7), f32x4.add(acc8, acc9)), f32x4.add(acc10, acc11));
  return sumFloats(f32x4.add(low, high));
}
