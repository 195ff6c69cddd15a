import { drawing, shape } from "../lib/svg.ts";

/**
 * When each of `count` additions runs, if one can start per cycle, takes `latency` cycles, and needs the
 * accumulator that the addition `accumulators` before it wrote. Returns the drawing and the total cycles.
 */
export function timeline(
  count: number,
  latency: number,
  accumulators: number,
  width: number,
): { svg: SVGElement; cycles: number } {
  const starts: number[] = [];
  for (let i = 0; i < count; i++) {
    const free = i === 0 ? 0 : starts[i - 1] + 1;
    const ready = i < accumulators ? 0 : starts[i - accumulators] + latency;
    starts.push(Math.max(free, ready));
  }
  const cycles = starts[count - 1] + latency;
  const [left, line, gap] = [44, 14, 2];
  const unit = (width - left) / Math.max(cycles, 24);
  const height = count * (line + gap) + 22;
  const svg = drawing(`${count} additions on ${accumulators} accumulators take ${cycles} cycles`, width, height);
  for (const [i, start] of starts.entries()) {
    const y = i * (line + gap);
    const bar = { x: left + start * unit, y, width: latency * unit - 1, height: line, rx: 2 };
    svg.append(
      shape("text", { x: left - 6, y: y + 11, "text-anchor": "end" }, `acc${i % accumulators}`),
      shape("rect", { ...bar, class: i % accumulators === 0 ? "bar ships" : "bar" }),
    );
  }
  svg.append(shape("text", { x: left - 6, y: height - 4, "text-anchor": "end" }, "cycle"));
  for (let cycle = 0; cycle <= cycles; cycle += cycles > 40 ? 16 : 4)
    svg.append(shape("text", { x: left + cycle * unit, y: height - 4 }, String(cycle)));
  return { svg, cycles };
}
