// Reads images and volumes at positions between their pixels. x[N][C][D][H][W] (an image has D = 1), grid
// [N][count][dims] of positions (x, y) or (x, y, z) from -1 to 1, y[N][C][count].
//
// The positions of one image are taken in blocks of SAMPLE_BLOCK. A table of the pixels of each position
// (taps) and their weights is computed once for all channels of a block. Along each axis, a position has 1
// tap (nearest), 2 (linear) or 4 (cubic); the taps of the position are their combinations. Positions are
// float32 and computed as PyTorch does, so that the nearest pixel is the same.

/** Positions of a block. @shared */
export const SAMPLE_BLOCK = 64;
/** Bytes of a tap: its offset in the plane, or -1 (int32); its weight and its slopes along x, y, z. */
const TAP_BYTES: usize = 20;
/** Bytes of the 4 taps of one axis: the index or -1 (int32), weight, slope. */
const AXIS_BYTES: usize = 48;
/** Scratch memory of a chunk: of each position 16 taps and three sums; three axes. @shared */
const SAMPLE_WORK_BYTES: usize = 64 * 16 * TAP_BYTES + 3 * AXIS_BYTES + 64 * 12;

/** How positions outside of the image are moved. @shared */
export const enum SamplePadding {
  Zeros,
  Border,
  Reflection,
}

/** An int32 table written by src/ops/image/grid_sample.ts. */
@unmanaged
export class SampleSizes {
  channels!: i32;
  depth!: i32;
  height!: i32;
  width!: i32;
  /** Number of positions of an image. */
  count!: i32;
  /** Coordinates of a position: 2 or 3. */
  dims!: i32;
  /** Taps along an axis: 1, 2 or 4. */
  taps!: i32;
  padding!: i32;
  alignCorners!: i32;
}

/** Reflects x at `low` and `low + span`. */
function reflect(x: f32, low: f32, span: f32): f32 {
  if (span == 0) return 0;
  const distance = abs(x - low);
  const flips = floor(distance / span);
  const rest = distance - flips * span;
  const isEven = flips == 2 * floor(flips * 0.5);
  return (isEven ? rest : span - rest) + low;
}

/** The sign of the derivative of `reflect`. */
function reflectSign(x: f32, low: f32, span: f32): f32 {
  if (span == 0) return 0;
  const flips = floor(abs(x - low) / span);
  return (x < low) == (flips == 2 * floor(flips * 0.5)) ? -1 : 1;
}

/** A whole position that is moved into the image; without padding it stays as it is. */
function moved(x: f32, size: i32, s: SampleSizes): f32 {
  if (s.padding == SamplePadding.Zeros) return x;
  if (s.padding == SamplePadding.Reflection) {
    x = s.alignCorners ? reflect(x, 0, <f32>(size - 1)) : reflect(x, -0.5, <f32>size);
  }
  return min(max(x, 0), <f32>(size - 1));
}

function setAxisTap(to: usize, x: f32, size: i32, weight: f32, slope: f32): void {
  // false for NaN
  const isInside = x >= 0 && x <= <f32>(size - 1);
  store<i32>(to, isInside ? <i32>x : -1);
  store<f32>(to, weight, 4);
  store<f32>(to, slope, 8);
}

/** The weight of the pixel at distance t <= 1, or 1 <= t <= 2, of a cubic convolution with A = -0.75. */
// @ts-ignore: decorator
@inline
function cubicNear(t: f32): f32 {
  return ((<f32>1.25 * t - <f32>2.25) * t) * t + 1;
}

// @ts-ignore: decorator
@inline
function cubicFar(t: f32): f32 {
  return ((<f32>-0.75 * t + <f32>3.75) * t - 6) * t + 3;
}

/** Their derivatives. */
// @ts-ignore: decorator
@inline
function cubicNearSlope(t: f32): f32 {
  return (<f32>3.75 * t - <f32>4.5) * t;
}

// @ts-ignore: decorator
@inline
function cubicFarSlope(t: f32): f32 {
  return (<f32>-2.25 * t + <f32>7.5) * t - 6;
}

/** The taps along an axis of `size` pixels for the coordinate g; slopes are derivatives by g. */
function setAxis(to: usize, g: f32, size: i32, s: SampleSizes): void {
  const scale = s.alignCorners ? <f32>(size - 1) * 0.5 : <f32>size * 0.5;
  let x = (g + 1) * scale;
  if (!s.alignCorners) x -= 0.5;
  if (s.taps == 4) {
    const whole = floor(x);
    const t = x - whole;
    const u: f32 = <f32>1 - t;
    setAxisTap(to, moved(whole - 1, size, s), size, cubicFar(t + 1), cubicFarSlope(t + 1) * scale);
    setAxisTap(to + 12, moved(whole, size, s), size, cubicNear(t), cubicNearSlope(t) * scale);
    setAxisTap(to + 24, moved(whole + 1, size, s), size, cubicNear(u), -cubicNearSlope(u) * scale);
    setAxisTap(to + 36, moved(whole + 2, size, s), size, cubicFar(u + 1), -cubicFarSlope(u + 1) * scale);
    return;
  }
  let slope = scale;
  if (s.padding != SamplePadding.Zeros) {
    if (s.padding == SamplePadding.Reflection) {
      const low: f32 = s.alignCorners ? 0 : -0.5;
      const span = <f32>(s.alignCorners ? size - 1 : size);
      slope *= reflectSign(x, low, span);
      x = reflect(x, low, span);
    }
    const last = <f32>(size - 1);
    if (x <= 0 || x >= last) slope = 0;
    x = min(max(x, 0), last);
  }
  if (s.taps == 1) {
    setAxisTap(to, nearest(x), size, 1, 0);
    return;
  }
  const whole = floor(x);
  const t = x - whole;
  setAxisTap(to, whole, size, 1 - t, -slope);
  setAxisTap(to + 12, whole + 1, size, t, slope);
}

/** The tables of `count` positions; returns the number of taps of a position. */
function setTaps(table: usize, grid: usize, count: i32, s: SampleSizes): i32 {
  const axes = table + <usize>SAMPLE_BLOCK * 16 * TAP_BYTES;
  const rows = axes + AXIS_BYTES;
  const slices = rows + AXIS_BYTES;
  const isVolume = s.dims == 3;
  // an image is a volume with one slice
  store<i32>(slices, 0);
  store<f32>(slices, 1, 4);
  store<f32>(slices, 0, 8);
  const end = <usize>s.taps * 12;
  const sliceEnd = isVolume ? end : 12;
  for (let p = 0; p < count; p++) {
    setAxis(axes, load<f32>(grid), s.width, s);
    setAxis(rows, load<f32>(grid, 4), s.height, s);
    if (isVolume) setAxis(slices, load<f32>(grid, 8), s.depth, s);
    grid += <usize>s.dims << 2;
    for (let k: usize = 0; k < sliceEnd; k += 12) {
      const slice = load<i32>(slices + k);
      const wz = load<f32>(slices + k, 4);
      const dz = load<f32>(slices + k, 8);
      for (let j: usize = 0; j < end; j += 12) {
        const row = load<i32>(rows + j);
        const wy = load<f32>(rows + j, 4);
        const dy = load<f32>(rows + j, 8);
        const start = (slice | row) < 0 ? -1 : (slice * s.height + row) * s.width;
        for (let i: usize = 0; i < end; i += 12) {
          const column = load<i32>(axes + i);
          const wx = load<f32>(axes + i, 4);
          store<i32>(table, (start | column) < 0 ? -1 : (start + column) << 2);
          store<f32>(table, wx * wy * wz, 4);
          store<f32>(table, load<f32>(axes + i, 8) * wy * wz, 8);
          store<f32>(table, wx * dy * wz, 12);
          store<f32>(table, wx * wy * dz, 16);
          table += TAP_BYTES;
        }
      }
    }
  }
  return (isVolume ? s.taps : 1) * s.taps * s.taps;
}

/**
 * y[n][c][p] = the sum over the taps of position p of weight times pixel. Unit: a block of positions of an
 * image. work: SAMPLE_WORK_BYTES for each chunk of `grain` units.
 */
export function gridSample(
  begin: i32, end: i32, x: usize, grid: usize, y: usize, sizes: usize, work: usize, grain: i32,
): void {
  const s = changetype<SampleSizes>(sizes);
  const table = work + <usize>(begin / grain) * SAMPLE_WORK_BYTES;
  const plane = <usize>s.depth * <usize>s.height * <usize>s.width << 2;
  const blocks = (s.count + SAMPLE_BLOCK - 1) / SAMPLE_BLOCK;
  for (let unit = begin; unit < end; unit++) {
    const n = unit / blocks;
    const first = (unit - n * blocks) * SAMPLE_BLOCK;
    const count = min(SAMPLE_BLOCK, s.count - first);
    const taps = setTaps(table, grid + ((<usize>n * s.count + first) * <usize>s.dims << 2), count, s);
    let from = x + <usize>n * s.channels * plane;
    let to = y + ((<usize>n * s.channels * s.count + first) << 2);
    for (let c = 0; c < s.channels; c++, from += plane, to += <usize>s.count << 2) {
      let tap = table;
      for (let p = 0; p < count; p++) {
        let sum: f32 = 0;
        for (let k = 0; k < taps; k++, tap += TAP_BYTES) {
          const offset = load<i32>(tap);
          if (offset >= 0) sum += load<f32>(tap, 4) * load<f32>(from + offset);
        }
        store<f32>(to + (<usize>p << 2), sum);
      }
    }
  }
}

/**
 * The gradient of x: dx[n][c][tap] += weight times dy[n][c][p], in the order of positions. Unit: a plane
 * (n, c). work as for gridSample.
 */
export function gridSampleGradInput(
  begin: i32, end: i32, dy: usize, grid: usize, dx: usize, sizes: usize, work: usize, grain: i32,
): void {
  const s = changetype<SampleSizes>(sizes);
  const table = work + <usize>(begin / grain) * SAMPLE_WORK_BYTES;
  const plane = <usize>s.depth * <usize>s.height * <usize>s.width << 2;
  memory.fill(dx + <usize>begin * plane, 0, <usize>(end - begin) * plane);
  for (let unit = begin; unit < end; ) {
    // the planes of one image share the tables
    const n = unit / s.channels;
    const last = min(end, (n + 1) * s.channels);
    for (let first = 0; first < s.count; first += SAMPLE_BLOCK) {
      const count = min(SAMPLE_BLOCK, s.count - first);
      const taps = setTaps(table, grid + ((<usize>n * s.count + first) * <usize>s.dims << 2), count, s);
      for (let c = unit; c < last; c++) {
        const to = dx + <usize>c * plane;
        const from = dy + ((<usize>c * s.count + first) << 2);
        let tap = table;
        for (let p = 0; p < count; p++) {
          const slope = load<f32>(from + (<usize>p << 2));
          for (let k = 0; k < taps; k++, tap += TAP_BYTES) {
            const offset = load<i32>(tap);
            if (offset >= 0) store<f32>(to + offset, load<f32>(to + offset) + load<f32>(tap, 4) * slope);
          }
        }
      }
    }
    unit = last;
  }
}

/**
 * The gradient of the grid: the sum over channels of dy[n][c][p] times the derivative of the sampled value.
 * Unit and work as for gridSample.
 */
export function gridSampleGradGrid(
  begin: i32, end: i32, dy: usize, x: usize, grid: usize, dGrid: usize, sizes: usize, work: usize, grain: i32,
): void {
  const s = changetype<SampleSizes>(sizes);
  const table = work + <usize>(begin / grain) * SAMPLE_WORK_BYTES;
  const sums = table + <usize>SAMPLE_BLOCK * 16 * TAP_BYTES + 3 * AXIS_BYTES;
  const plane = <usize>s.depth * <usize>s.height * <usize>s.width << 2;
  const blocks = (s.count + SAMPLE_BLOCK - 1) / SAMPLE_BLOCK;
  for (let unit = begin; unit < end; unit++) {
    const n = unit / blocks;
    const first = (unit - n * blocks) * SAMPLE_BLOCK;
    const count = min(SAMPLE_BLOCK, s.count - first);
    const at = (<usize>n * s.count + first) * <usize>s.dims << 2;
    const taps = setTaps(table, grid + at, count, s);
    memory.fill(sums, 0, <usize>count * 12);
    let from = x + <usize>n * s.channels * plane;
    let slopes = dy + ((<usize>n * s.channels * s.count + first) << 2);
    for (let c = 0; c < s.channels; c++, from += plane, slopes += <usize>s.count << 2) {
      let tap = table;
      let sum = sums;
      for (let p = 0; p < count; p++, sum += 12) {
        let alongX: f32 = 0;
        let alongY: f32 = 0;
        let alongZ: f32 = 0;
        for (let k = 0; k < taps; k++, tap += TAP_BYTES) {
          const offset = load<i32>(tap);
          if (offset < 0) continue;
          const value = load<f32>(from + offset);
          alongX += load<f32>(tap, 8) * value;
          alongY += load<f32>(tap, 12) * value;
          alongZ += load<f32>(tap, 16) * value;
        }
        const slope = load<f32>(slopes + (<usize>p << 2));
        store<f32>(sum, load<f32>(sum) + slope * alongX);
        store<f32>(sum, load<f32>(sum, 4) + slope * alongY, 4);
        store<f32>(sum, load<f32>(sum, 8) + slope * alongZ, 8);
      }
    }
    for (let p = 0, to = dGrid + at; p < count; p++, to += <usize>s.dims << 2) {
      const sum = sums + <usize>p * 12;
      store<f32>(to, load<f32>(sum));
      store<f32>(to, load<f32>(sum, 4), 4);
      if (s.dims == 3) store<f32>(to, load<f32>(sum, 8), 8);
    }
  }
}
