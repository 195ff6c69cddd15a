/** The loss curve: an SVG that is as wide as its place, with a logarithmic axis. */
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 200;
const [LEFT, RIGHT, TOP, BOTTOM] = [48, 12, 10, 24];
/** More points than this are drawn as means of neighbours. */
const MOST_POINTS = 300;

export interface Point {
  step: number;
  value: number;
}

function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string | number>,
  ...children: (Node | string)[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

function thin(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / MOST_POINTS);
  if (size <= 1) return [...points];
  const means: Point[] = [];
  for (let i = 0; i + size <= points.length; i += size) {
    const part = points.slice(i, i + size);
    const value = part.reduce((sum, point) => sum + point.value, 0) / size;
    means.push({ step: part[size - 1].step, value });
  }
  return means;
}

/** 1, 2 and 5 times powers of ten between two numbers. */
function logTicks(least: number, most: number): number[] {
  const ticks: number[] = [];
  for (let power = -6; power <= 1; power++) {
    for (const digit of [1, 2, 5]) {
      const tick = Number(`${digit}e${power}`);
      if (tick >= least && tick <= most) ticks.push(tick);
    }
  }
  return ticks;
}

/** Up to five round numbers from 0. */
function stepTicks(most: number): number[] {
  const size = [1, 2, 5].flatMap((digit) => [...Array(7).keys()].map((power) => digit * 10 ** power));
  const distance = size.sort((a, b) => a - b).find((tick) => most / tick <= 4) ?? most;
  return [...Array(Math.floor(most / distance) + 1).keys()].map((i) => i * distance);
}

/** A curve of the training loss, with dots for the test's error. */
export function lossCurve(): { element: SVGSVGElement; draw: (train: Point[], test: Point[]) => void } {
  const element = svg("svg", { class: "curve", height: HEIGHT, role: "img", "aria-label": "Loss: no step yet" });

  function draw(train: Point[], test: Point[]): void {
    const width = element.clientWidth || 600;
    const line = thin(train);
    const values = [...line, ...test].map(({ value }) => value).filter((value) => value > 0);
    const least = Math.min(0.02, ...values) * 0.9;
    const most = Math.max(0.1, ...values) * 1.1;
    const end = Math.max(100, train.at(-1)?.step ?? 0);
    const x = (step: number) => LEFT + (step / end) * (width - LEFT - RIGHT);
    const y = (value: number) =>
      TOP + (Math.log(most / Math.max(value, least)) / Math.log(most / least)) * (HEIGHT - TOP - BOTTOM);
    const last = train.at(-1);
    element.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    element.setAttribute(
      "aria-label",
      last ? `Loss: ${last.value.toFixed(4)} at step ${last.step}` : "Loss: no step yet",
    );
    element.replaceChildren(
      ...logTicks(least, most).flatMap((tick) => [
        svg("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
        svg("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)),
      ]),
      ...stepTicks(end).map((tick) =>
        svg("text", { x: x(tick), y: HEIGHT - 6, "text-anchor": "middle" }, tick.toLocaleString("en")),
      ),
      svg("polyline", { class: "train", points: line.map((point) => `${x(point.step)},${y(point.value)}`).join(" ") }),
      ...test.map((point) => svg("circle", { class: "test", cx: x(point.step), cy: y(point.value), r: 4 })),
    );
  }

  draw([], []);
  return { element, draw };
}
