// Resizing planes x[H][W] (P = N*C of them, one after the other) to y[OH][OW].
//
// Where each output row and column comes from is worked out once, in tables of 12 bytes an entry: the first source (int32), the
// second (int32) and the share of the second (float32). Nearest neighbours use the first source alone.
//
// The range of the kernels over planes is planes: outputs may share a source, planes do not, so any split gives the same bits.
// The gradient of a plane is gathered output by output, in row-major order.

/** Bytes of a table entry. */
const ENTRY: usize = 12;

/**
 * table[o] = (min(floor(o * scale), length - 1), the same, 0): `scale` is input over output size. Positions are float64.
 */
export function nearestSources(begin: i32, end: i32, table: usize, length: i32, scale: f64): void {
  for (let o = begin; o < end; o++) {
    const source = min(<i32>Math.floor(<f64>o * scale), length - 1);
    const entry = table + <usize>o * ENTRY;
    store<i32>(entry, source);
    store<i32>(entry, source, 4);
    store<f32>(entry, 0, 8);
  }
}

/**
 * table[o] = the neighbours of position s, and s - floor(s): s = o * scale with aligned corners, else that of pixel centres,
 * max((o + 1/2) * scale - 1/2, 0). Behind the last element the last counts twice. Positions are float64.
 */
export function linearSources(begin: i32, end: i32, table: usize, length: i32, scale: f64, alignCorners: i32): void {
  for (let o = begin; o < end; o++) {
    const position = alignCorners ? <f64>o * scale : max((<f64>o + 0.5) * scale - 0.5, 0);
    const first = min(<i32>Math.floor(position), length - 1);
    const entry = table + <usize>o * ENTRY;
    store<i32>(entry, first);
    store<i32>(entry, min(first + 1, length - 1), 4);
    store<f32>(entry, <f32>(position - <f64>first), 8);
  }
}

/** y[oy][ox] = x[rows[oy]][columns[ox]] */
export function nearest2d(
  begin: i32, end: i32, x: usize, y: usize, rows: usize, columns: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let to = y + (<usize>p * outHeight * outWidth << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const row = plane + (<usize>(load<i32>(rows + <usize>oy * ENTRY) * width) << 2);
      for (let ox = 0; ox < outWidth; ox++, to += 4) {
        store<f32>(to, load<f32>(row + (<usize>load<i32>(columns + <usize>ox * ENTRY) << 2)));
      }
    }
  }
}

/** dx[rows[oy]][columns[ox]] += dy[oy][ox], from 0: the gradient of nearest2d. */
export function nearest2dGrad(
  begin: i32, end: i32, dy: usize, dx: usize, rows: usize, columns: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  for (let p = begin; p < end; p++) {
    const plane = dx + (<usize>p * height * width << 2);
    let from = dy + (<usize>p * outHeight * outWidth << 2);
    memory.fill(plane, 0, <usize>(height * width) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const row = plane + (<usize>(load<i32>(rows + <usize>oy * ENTRY) * width) << 2);
      for (let ox = 0; ox < outWidth; ox++, from += 4) addTo(row, load<i32>(columns + <usize>ox * ENTRY), load<f32>(from));
    }
  }
}

// @ts-ignore: decorator
@inline
function addTo(row: usize, column: i32, value: f32): void {
  const at = row + (<usize>column << 2);
  store<f32>(at, load<f32>(at) + value);
}

// @ts-ignore: decorator
@inline
function valueAt(row: usize, column: i32): f32 {
  return load<f32>(row + (<usize>column << 2));
}

/** y[oy][ox] = (1 - a)((1 - b) x[r0][c0] + b x[r0][c1]) + a((1 - b) x[r1][c0] + b x[r1][c1]) with shares a of r1 and b of c1. */
export function bilinear2d(
  begin: i32, end: i32, x: usize, y: usize, rows: usize, columns: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  for (let p = begin; p < end; p++) {
    const plane = x + (<usize>p * height * width << 2);
    let to = y + (<usize>p * outHeight * outWidth << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const row = rows + <usize>oy * ENTRY;
      const upper = plane + (<usize>(load<i32>(row) * width) << 2);
      const lower = plane + (<usize>(load<i32>(row, 4) * width) << 2);
      const a = load<f32>(row, 8);
      for (let ox = 0; ox < outWidth; ox++, to += 4) {
        const column = columns + <usize>ox * ENTRY;
        const c0 = load<i32>(column);
        const c1 = load<i32>(column, 4);
        const b = load<f32>(column, 8);
        const above = (<f32>1 - b) * valueAt(upper, c0) + b * valueAt(upper, c1);
        const below = (<f32>1 - b) * valueAt(lower, c0) + b * valueAt(lower, c1);
        store<f32>(to, (<f32>1 - a) * above + a * below);
      }
    }
  }
}

/** dx = 0, then each dy[oy][ox] is added to its four sources by their shares: the gradient of bilinear2d. */
export function bilinear2dGrad(
  begin: i32, end: i32, dy: usize, dx: usize, rows: usize, columns: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
): void {
  for (let p = begin; p < end; p++) {
    const plane = dx + (<usize>p * height * width << 2);
    let from = dy + (<usize>p * outHeight * outWidth << 2);
    memory.fill(plane, 0, <usize>(height * width) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const row = rows + <usize>oy * ENTRY;
      const upper = plane + (<usize>(load<i32>(row) * width) << 2);
      const lower = plane + (<usize>(load<i32>(row, 4) * width) << 2);
      const a = load<f32>(row, 8);
      for (let ox = 0; ox < outWidth; ox++, from += 4) {
        const column = columns + <usize>ox * ENTRY;
        const c0 = load<i32>(column);
        const c1 = load<i32>(column, 4);
        const b = load<f32>(column, 8);
        const grad = load<f32>(from);
        addTo(upper, c0, (<f32>1 - a) * (<f32>1 - b) * grad);
        addTo(upper, c1, (<f32>1 - a) * b * grad);
        addTo(lower, c0, a * (<f32>1 - b) * grad);
        addTo(lower, c1, a * b * grad);
      }
    }
  }
}
