import "./drawings.css";
import { drawing, shape } from "./svg.ts";

const COLOURS = ["#be123c", "#b45309", "#0e7490", "#15803d", "#7d55dd"];

/**
 * Lines of values that belong to 1, 2, 4, 8 … The values' axis is logarithmic; values of 0 are drawn at its
 * lower end. A vertical line marks the position `marked`.
 */
export function lineChart(
  label: string,
  lines: readonly { name: string; values: readonly number[] }[],
  marked: number,
  width: number,
): SVGElement {
  const [left, top, plot] = [52, 8, 200];
  const height = top + plot + 30 + 20 * lines.length;
  const largest = Math.max(...lines.flatMap(({ values }) => values));
  const [high, low] = [Math.ceil(Math.log10(Math.max(largest, 1e-6))), -9];
  const last = lines[0].values.length - 1;
  const x = (i: number) => left + (i / last) * (width - left - 8);
  const y = (value: number) => top + ((high - Math.max(low, Math.log10(value))) / (high - low)) * plot;
  const svg = drawing(label, width, height);
  for (let power = low; power <= high; power += 2) {
    const at = y(10 ** power);
    svg.append(
      shape("line", { x1: left, x2: width - 8, y1: at, y2: at, class: "axis" }),
      shape("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, power === low ? "0" : `1e${power}`),
    );
  }
  for (let i = 0; i <= last; i += width < 400 ? 8 : 4)
    svg.append(shape("text", { x: x(i), y: top + plot + 16, "text-anchor": i === last ? "end" : "middle" }, `2^${i}`));
  svg.append(shape("line", { x1: x(marked), x2: x(marked), y1: top, y2: top + plot, class: "ceiling" }));
  for (const [n, { name, values }] of lines.entries()) {
    const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    const stroke = COLOURS[n];
    const key = top + plot + 38 + 20 * n;
    svg.append(
      shape("polyline", {
        points,
        fill: "none",
        stroke,
        "stroke-width": 2,
        "stroke-dasharray": n % 2 ? "6 3" : "none",
      }),
      shape("line", { x1: left, x2: left + 24, y1: key - 4, y2: key - 4, stroke, "stroke-width": 3 }),
      shape("text", { x: left + 32, y: key }, name),
    );
  }
  return svg;
}
