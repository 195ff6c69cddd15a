// Rung 4: a tile of C stays in registers while k runs.

import { multiplyColumns } from "./3_simd";
import { mulAdd } from "../micro_kernel";

/**
 * C = A B as in 1_naive.ts. Reads up to 12 bytes past b and c.
 *
 * 4 rows by 8 columns of C are 8 vectors. A k-step loads 2 vectors of B, and 4 floats of A that are each
 * copied to all lanes, and multiplies every vector by every float: 8 multiplications of vectors for 6 loads
 * and no store. Rows and columns that do not fill a tile are computed by 3_simd.ts. Names are as in
 * micro_kernel.ts: acc2x4567 is row 2, columns 4 to 7.
 */
export function matmulRegisterTile(a: usize, b: usize, c: usize, m: i32, n: i32, depth: i32): void {
  const aRow = <usize>depth << 2;
  const bRow = <usize>n << 2;
  const tiledRows = m & ~3;
  const tiledColumns = n & ~7;
  for (let i = 0; i < tiledRows; i += 4) {
    for (let j = 0; j < tiledColumns; j += 8) {
      let acc0x0123 = f32x4.splat(0), acc0x4567 = acc0x0123, acc1x0123 = acc0x0123, acc1x4567 = acc0x0123;
      let acc2x0123 = acc0x0123, acc2x4567 = acc0x0123, acc3x0123 = acc0x0123, acc3x4567 = acc0x0123;
      let row0 = a + <usize>i * aRow;
      let from = b + (<usize>j << 2);
      for (const end = row0 + aRow; row0 < end; row0 += 4, from += bRow) {
        const b0123 = v128.load(from);
        const b4567 = v128.load(from, 16);
        let factor = v128.load32_splat(row0);
        acc0x0123 = mulAdd(acc0x0123, factor, b0123);
        acc0x4567 = mulAdd(acc0x4567, factor, b4567);
        factor = v128.load32_splat(row0 + aRow);
        acc1x0123 = mulAdd(acc1x0123, factor, b0123);
        acc1x4567 = mulAdd(acc1x4567, factor, b4567);
        factor = v128.load32_splat(row0 + 2 * aRow);
        acc2x0123 = mulAdd(acc2x0123, factor, b0123);
        acc2x4567 = mulAdd(acc2x4567, factor, b4567);
        factor = v128.load32_splat(row0 + 3 * aRow);
        acc3x0123 = mulAdd(acc3x0123, factor, b0123);
        acc3x4567 = mulAdd(acc3x4567, factor, b4567);
      }
      const to = c + <usize>i * bRow + (<usize>j << 2);
      v128.store(to, acc0x0123);
      v128.store(to, acc0x4567, 16);
      v128.store(to + bRow, acc1x0123);
      v128.store(to + bRow, acc1x4567, 16);
      v128.store(to + 2 * bRow, acc2x0123);
      v128.store(to + 2 * bRow, acc2x4567, 16);
      v128.store(to + 3 * bRow, acc3x0123);
      v128.store(to + 3 * bRow, acc3x4567, 16);
    }
  }
  if (tiledColumns < n) multiplyColumns(a, b, c, n, depth, 0, tiledRows, tiledColumns);
  multiplyColumns(a, b, c, n, depth, tiledRows, m, 0);
}
