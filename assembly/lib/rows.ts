// Rows of operands that broadcast: see the table in ../elementwise/binary.ts.

/** The byte offset of row number `row` of an operand. */
export function rowStart(row: i32, rank: i32, table: usize, operand: i32, operands: i32): usize {
  let start: usize = 0;
  for (let d = rank - 1; d >= 0; d--) {
    const entry = table + ((<usize>d * (operands + 1)) << 2);
    const size = load<i32>(entry);
    const outer = d > 0 ? row / size : 0;
    start += <usize>(row - outer * size) * load<i32>(entry + ((<usize>operand + 1) << 2));
    row = outer;
  }
  return start << 2;
}
