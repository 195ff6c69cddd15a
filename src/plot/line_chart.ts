import { checkInteger, describe, readOptions } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { textWidth } from "./font.ts";
import { type Color, Picture, textHeight, WHITE } from "./picture.ts";

/** A line of a chart. */
export interface Series {
  label: string;
  /** Points (x, y) from left to right. The line has a gap where x or y is NaN or infinite. */
  points: readonly (readonly [x: number, y: number])[];
}

export interface LossCurveOptions {
  /** The title of the chart. Default none. */
  title?: string;
  /** Label of the x axis. Default "step". */
  xLabel?: string;
  /** Label of the y axis. Default "loss". */
  yLabel?: string;
  /** Width in pixels. Default 900. */
  width?: number;
  /** Height in pixels. Default 520. */
  height?: number;
}

const GRID: Color = [225, 228, 232];
const AXIS: Color = [120, 126, 134];
/**
 * Colours that people with any colour vision can distinguish. see: Okabe, Ito, "Color
 * Universal Design" (2008)
 */
const PALETTE: readonly Color[] = [
  [0, 114, 178],
  [213, 94, 0],
  [0, 158, 115],
  [204, 121, 167],
  [230, 159, 0],
  [86, 180, 233],
];
const TEXT = 2;
const LINE_WIDTH = 2.4;

interface Axis {
  low: number;
  high: number;
  ticks: number[];
  /** Formats the number of a tick. */
  format: (value: number) => string;
}

/**
 * A line chart with one line per series, numbered axes, grid lines and a legend.
 *
 * @throws OptionError when no series has a finite point.
 * @example
 * ```ts
 * import { encodePNG, lossCurve } from "wasmgrad/vision";
 * const chart = lossCurve([{ label: "train", points: [[0, 0.9], [1, 0.4], [2, 0.25]] }], { title: "Loss" });
 * console.log(chart.width, chart.height, encodePNG(chart).length > 0); // 900 520 true
 * ```
 */
export function lossCurve(series: readonly Series[], options?: LossCurveOptions): Picture {
  const op = "lossCurve";
  const settings = { title: "", xLabel: "step", yLabel: "loss", width: 900, height: 520 };
  const { title, xLabel, yLabel, width, height } = readOptions(op, options, settings);
  checkInteger(op, "width", width, 300, 8192);
  checkInteger(op, "height", height, 200, 8192);
  if (!isListOfSeries(series)) {
    throw new OptionError(`${op}: series expected an array of { label, points }, got ${describe(series)}`);
  }
  const points = series.flatMap((line) => line.points.filter(isFinitePoint));
  if (points.length === 0) throw new OptionError(`${op}: expected a series with at least one finite point`);

  const xAxis = makeAxis(extent(points.map(([x]) => x)), Math.max(2, Math.floor(width / 130)), false);
  const yAxis = makeAxis(extent(points.map(([, y]) => y)), Math.max(2, Math.floor(height / 65)), true);
  const line = textHeight(TEXT);
  const yTicksWidth = Math.max(...yAxis.ticks.map((tick) => textWidth(yAxis.format(tick), TEXT)));
  const plot = {
    left: 12 + line + 12 + yTicksWidth + 8,
    right: width - 28,
    top: title ? 12 + line + 14 : 18,
    bottom: height - 12 - line - 10 - line - 8,
  };
  const toX = (x: number) => plot.left + ((x - xAxis.low) / (xAxis.high - xAxis.low)) * (plot.right - plot.left);
  const toY = (y: number) => plot.bottom - ((y - yAxis.low) / (yAxis.high - yAxis.low)) * (plot.bottom - plot.top);

  const picture = new Picture(width, height);
  for (const tick of xAxis.ticks) {
    const x = Math.round(toX(tick));
    picture.fillRect(x, plot.top, 1, plot.bottom - plot.top, GRID);
    picture.text(xAxis.format(tick), x, plot.bottom + 8, { scale: TEXT, align: "center" });
  }
  for (const tick of yAxis.ticks) {
    const y = Math.round(toY(tick));
    picture.fillRect(plot.left, y, plot.right - plot.left, 1, GRID);
    picture.text(yAxis.format(tick), plot.left - 8, y - Math.floor(line / 2) + 1, { scale: TEXT, align: "right" });
  }
  picture.fillRect(plot.left, plot.top, 1, plot.bottom - plot.top + 1, AXIS);
  picture.fillRect(plot.left, plot.bottom, plot.right - plot.left + 1, 1, AXIS);
  picture.text(title, Math.round(width / 2), 12, { scale: TEXT, align: "center" });
  picture.text(xLabel, Math.round((plot.left + plot.right) / 2), height - 12 - line, { scale: TEXT, align: "center" });
  const upright = new Picture(Math.max(1, textWidth(yLabel, TEXT)), line);
  upright.text(yLabel, 0, 0, { scale: TEXT });
  const yTop = Math.round((plot.top + plot.bottom - upright.width) / 2);
  if (yTop >= 0) picture.paste(upright.rotatedLeft(), 12, yTop);

  const lines = series.map(({ points }) =>
    points.map((point): Pixel | null => (isFinitePoint(point) ? [toX(point[0]), toY(point[1])] : null)),
  );
  lines.forEach((pixels, i) => {
    drawLine(picture, pixels, PALETTE[i % PALETTE.length]);
  });
  drawLegend(picture, series, lines, plot);
  return picture;
}

type Pixel = readonly [x: number, y: number];

function isFinitePoint([x, y]: readonly [number, number]): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

function extent(values: number[]): [number, number] {
  return values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
}

/** The exponent of a number in scientific notation: -2 for 0.03 (3e-2). */
function decimalExponent(value: number): number {
  return Number(value.toExponential().split("e")[1]);
}

/** Ticks at multiples of 1, 2 or 5 times a power of ten. With `widen`, the axis begins and ends at ticks. */
function makeAxis([least, most]: [number, number], maxTicks: number, widen: boolean): Axis {
  const [low, high] =
    most > least
      ? [least, most]
      : [least - Math.max(0.5, Math.abs(least) / 2), most + Math.max(0.5, Math.abs(most) / 2)];
  const exponent = decimalExponent((high - low) / maxTicks);
  const choices = [1, 2, 5, 10, 20].map((step) => Number(`${step}e${exponent}`));
  const step = choices.find((choice) => (high - low) / choice <= maxTicks) ?? choices[4];
  const first = widen ? Math.floor(low / step + 1e-9) : Math.ceil(low / step - 1e-9);
  const last = widen ? Math.ceil(high / step - 1e-9) : Math.floor(high / step + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  const decimals = Math.max(0, -decimalExponent(step));
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const format = (value: number) =>
    decimals > 6 || largest >= 1e7 ? value.toExponential(2) : (value === 0 ? 0 : value).toFixed(decimals);
  return { low: widen ? first * step : low, high: widen ? last * step : high, ticks, format };
}

/**
 * Draws a polyline with smooth edges. The coverage of a pixel is computed from its distance to the nearest
 * segment. The whole line's coverage is computed before it is blended, so that joints are not darker. A point
 * without neighbours becomes a dot.
 */
function drawLine(picture: Picture, points: readonly (readonly [number, number] | null)[], color: Color): void {
  const { width, height } = picture;
  const coverage = new Float32Array(width * height);
  const reach = LINE_WIDTH / 2 + 0.5;
  const cover = ([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number], radius: number) => {
    const far = reach + radius;
    const length2 = (bx - ax) * (bx - ax) + (by - ay) * (by - ay);
    for (
      let y = Math.max(0, Math.floor(Math.min(ay, by) - far));
      y <= Math.min(height - 1, Math.max(ay, by) + far);
      y++
    ) {
      for (
        let x = Math.max(0, Math.floor(Math.min(ax, bx) - far));
        x <= Math.min(width - 1, Math.max(ax, bx) + far);
        x++
      ) {
        const along = length2 ? Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2)) : 0;
        const dx = x - ax - along * (bx - ax);
        const dy = y - ay - along * (by - ay);
        const distance = Math.sqrt(dx * dx + dy * dy);
        const amount = Math.min(1, Math.max(0, far - distance));
        if (amount > coverage[y * width + x]) coverage[y * width + x] = amount;
      }
    }
  };
  // if there are few points, dots make each one visible
  const dot = points.length <= 30 ? 2.2 : 0;
  points.forEach((point, i) => {
    if (!point) return;
    const next = points[i + 1];
    if (next) cover(point, next, 0);
    if (dot || (!next && !points[i - 1])) cover(point, point, dot || 1);
  });
  coverage.forEach((amount, at) => {
    if (amount > 0) picture.blend(at % width, Math.floor(at / width), color, amount);
  });
}

/** Draws the legend in the corner where it hides the least of the lines. */
function drawLegend(
  picture: Picture,
  series: readonly Series[],
  lines: readonly (readonly (Pixel | null)[])[],
  plot: { left: number; right: number; top: number; bottom: number },
): void {
  const line = textHeight(TEXT) + 8;
  const sample = 28;
  const width = sample + 24 + Math.max(...series.map(({ label }) => textWidth(label, TEXT)));
  const height = series.length * line + 6;
  const corners = [plot.top + 8, plot.bottom - 8 - height].flatMap((y) =>
    [plot.right - 2 - width, plot.left + 10].map((x): Pixel => [x, y]),
  );
  const hidden = corners.map(([x, y]) => {
    const inside = (at: Pixel) => at[0] > x && at[0] < x + width && at[1] > y && at[1] < y + height;
    return lines.flatMap((pixels) => pixels.flatMap((from, i) => between(from, pixels[i + 1] ?? null).filter(inside)))
      .length;
  });
  const [left, top] = corners[hidden.indexOf(Math.min(...hidden))];
  picture.fillRect(left, top, width, height, GRID);
  picture.fillRect(left + 1, top + 1, width - 2, height - 2, WHITE);
  series.forEach(({ label }, i) => {
    const y = top + 7 + i * line;
    picture.fillRect(left + 8, y + 6, sample, 3, PALETTE[i % PALETTE.length]);
    picture.text(label, left + 16 + sample, y, { scale: TEXT });
  });
}

/** Points on the line from one pixel to the next, a few pixels apart. */
function between(from: Pixel | null, to: Pixel | null): Pixel[] {
  if (!from || !to) return from ? [from] : [];
  const count = Math.ceil(Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])) / 5) + 1;
  return Array.from({ length: count }, (_, i): Pixel => {
    const share = i / count;
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
  });
}

function isListOfSeries(series: readonly Series[]): boolean {
  return Array.isArray(series) && series.every((line) => Array.isArray(line?.points));
}
