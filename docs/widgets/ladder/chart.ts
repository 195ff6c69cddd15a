/** Bars of rates, beside the machine's ceiling. */
import { digits } from "../../../bench/lib/table.ts";
import { drawing, shape } from "../lib/svg.ts";

export interface Bar {
  name: string;
  rate: number;
  /** Whether the library ships this rung. */
  ships: boolean;
}

/** A drawing as wide as the page: names above their bars, so that it can be read at 360 pixels. */
export function barChart(
  title: string,
  bars: readonly Bar[],
  unit: string,
  ceiling: number,
  width: number,
): SVGElement {
  const line = 40;
  const height = bars.length * line + 24;
  const scale = (width - 4) / Math.max(ceiling, ...bars.map(({ rate }) => rate));
  const svg = drawing(title, width, height);
  for (const [i, { name, rate, ships }] of bars.entries()) {
    const y = i * line;
    svg.append(
      shape("text", { x: 0, y: y + 14 }, `${name}: ${digits(rate)} ${unit}`),
      shape("rect", { x: 0, y: y + 19, width: rate * scale, height: 14, class: ships ? "bar ships" : "bar" }),
    );
  }
  const x = ceiling * scale;
  const side = x > width / 2 ? "end" : "start";
  const words = `ceiling ${digits(ceiling)} ${unit}`;
  svg.append(
    shape("line", { x1: x, x2: x, y1: 0, y2: height - 18, class: "ceiling" }),
    shape("text", { x, y: height - 4, "text-anchor": side }, words),
  );
  return svg;
}
