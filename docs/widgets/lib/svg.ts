/** Builds the shapes of a drawing. */
const SPACE = "http://www.w3.org/2000/svg";

/** A shape with attributes, and its text. */
export function shape(tag: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

/** The width of a drawing inside a widget: text stays readable at 360 pixels, and lines short on wide pages. */
export function drawingWidth(root: HTMLElement): number {
  return Math.max(260, Math.min(600, root.clientWidth - 32));
}

/** An empty drawing of a width and height, which becomes narrower with the page. */
export function drawing(label: string, width: number, height: number): SVGElement {
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", "aria-label": label });
  svg.style.maxWidth = `${width}px`;
  return svg;
}
