import { readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { OnnxNodeInfo, OnnxValueInfo } from "../import/graph_info.ts";
import { OnnxModule, type OnnxOutputs } from "../import/onnx_module.ts";
import { layOut, type Place, type Route } from "./layered_layout.ts";

export interface GraphPictureOptions {
  /** Whether to draw also what computes shapes and what rearranges weights. Default false. */
  all?: boolean;
}

/** A box: an input, a node or an output. */
interface Box {
  kind: "input" | "output" | "weights" | "plain";
  /** The operator or the name of the input. */
  label: string;
  /** Below it: a shape. */
  detail: string;
  /** For the pointer: names. */
  title: string;
  reads: readonly string[];
  makes: readonly string[];
}

/** Sizes in pixels. */
const ROW = 58;
const HEIGHT = 36;
const MARGIN = 12;
const CHARACTER = 7;

const STYLE = `
text{font:12px ui-sans-serif,system-ui,sans-serif;text-anchor:middle;fill:#1c2430}
.d{font-size:10px;fill:#5a6675}
rect{fill:#f3f5f8;stroke:#b8c1cc}
.weights rect{fill:#dceaff;stroke:#6f9fe0}
.input rect,.output rect{fill:#e3f4e3;stroke:#79b879}
path{fill:none;stroke:#8a94a0}
@media(prefers-color-scheme:dark){
text{fill:#e8ecf1}.d{fill:#a5b0bd}rect{fill:#252b33;stroke:#4a5563}.weights rect{fill:#1f3a63;stroke:#5b8dd6}
.input rect,.output rect{fill:#1f4024;stroke:#5b9a5b}path{stroke:#7d8894}}`.replaceAll("\n", "");

/**
 * Draws the graph of an imported model from its inputs at the top to its outputs, as an SVG. Nodes with
 * weights are blue; names appear under the pointer.
 *
 * @param options `all` (default false): also what computes shapes and what rearranges weights
 * @returns the text of an SVG document, which follows the reader's light or dark mode
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * import { exportOnnx, graphPicture, importOnnx } from "wasmgrad/onnx";
 * const model = await importOnnx(exportOnnx(new nn.Linear(4, 2).eval(), [ones([1, 4])]));
 * console.log(graphPicture(model).startsWith("<svg")); // true
 * ```
 */
export function graphPicture<Outputs extends OnnxOutputs>(
  model: OnnxModule<Outputs>,
  options?: GraphPictureOptions,
): string {
  if (!(model instanceof OnnxModule)) throw new OptionError("graphPicture: expected a model of importOnnx");
  const { all } = readOptions("graphPicture", options, { all: false });
  const boxes = boxesOf(model as OnnxModule, all);
  const makers = new Map(boxes.flatMap(({ makes }, i) => makes.map((name) => [name, i] as const)));
  const edges = boxes.flatMap(({ reads }, to) => {
    const sources = reads.map((name) => makers.get(name)).filter((from) => from !== undefined);
    return [...new Set(sources)].map((from) => [from, to] as const);
  });
  const nodes = boxes.map(({ label, detail }) => ({ width: Math.max(label.length, detail.length) * CHARACTER + 16 }));
  const { places, routes, width, rows } = layOut(nodes, edges);
  const drawn = boxes.map((box, i) => drawBox(box, places[i], nodes[i].width));
  const size = `${Math.ceil(width) + 2 * MARGIN} ${rows * ROW - ROW + HEIGHT + 2 * MARGIN}`;
  const [w, h] = size.split(" ");
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size}" width="${w}" height="${h}" role="img" ` +
    `aria-label="${escapeText(describeAll(model as OnnxModule))}"><style>${STYLE}</style>` +
    `${drawRoutes(routes)}${drawn.join("")}</svg>\n`
  );
}

function describeAll({ graph }: OnnxModule): string {
  return `Graph ${graph.name} of ${graph.nodes.length} nodes`;
}

function boxesOf(model: OnnxModule, all: boolean): Box[] {
  const { inputs, outputs, nodes } = model.graph;
  const shown = all ? nodes : between(inputs, outputs, nodes);
  const weights = weightsOf(model, new Set(shown));
  return [
    ...inputs.map(({ name, shape }): Box => {
      return { kind: "input", label: name, detail: shape?.join(" × ") ?? "", title: name, reads: [], makes: [name] };
    }),
    ...shown.map((node) => nodeBox(node, weights)),
    ...outputs.map(({ name }): Box => {
      return { kind: "output", label: name, detail: "", title: name, reads: [name], makes: [] };
    }),
  ];
}

type Weights = ReadonlyMap<string, readonly (readonly [name: string, parameter: Parameter])[]>;

function nodeBox({ name, opType, inputs, outputs }: OnnxNodeInfo, weights: Weights): Box {
  const own = inputs.flatMap((input) => weights.get(input) ?? []);
  const [largest] = own.map(([, { shape }]) => shape).sort((a, b) => b.length - a.length);
  const title = [name, ...own.map(([weight, { shape }]) => `${weight} [${shape}]`)].join("\n");
  const kind = own.length > 0 ? "weights" : "plain";
  return { kind, label: opType, detail: largest?.join(" × ") ?? "", title, reads: inputs, makes: outputs };
}

/** The parameters in each value: those of its name, or those that nodes without a box have rearranged. */
function weightsOf(model: OnnxModule, shown: ReadonlySet<OnnxNodeInfo>): Weights {
  const weights = new Map(model.namedParameters().map(([name, parameter]) => [name, [[name, parameter] as const]]));
  for (const node of model.graph.nodes) {
    if (shown.has(node)) continue;
    const found = node.inputs.flatMap((name) => weights.get(name) ?? []);
    if (found.length > 0) for (const name of node.outputs) weights.set(name, found);
  }
  return weights;
}

/** The nodes that lead from the inputs to the outputs by elements, not only by shapes. */
function between(
  inputs: readonly OnnxValueInfo[],
  outputs: readonly OnnxValueInfo[],
  nodes: readonly OnnxNodeInfo[],
): OnnxNodeInfo[] {
  const known = new Set(inputs.map(({ name }) => name));
  const depending = nodes.filter((node) => {
    const depends = !readsShape(node) && node.inputs.some((name) => known.has(name));
    if (depends) for (const name of node.outputs) known.add(name);
    return depends;
  });
  const needed = new Set(outputs.map(({ name }) => name));
  const leading = depending.reverse().filter((node) => {
    const leads = node.outputs.some((name) => needed.has(name));
    if (leads) for (const name of node.inputs) needed.add(name);
    return leads;
  });
  return leading.reverse();
}

function readsShape({ opType }: OnnxNodeInfo): boolean {
  return opType === "Shape" || opType === "Size";
}

function drawBox({ kind, label, detail, title }: Box, { x, row }: Place, width: number): string {
  const [left, top] = [x + MARGIN, row * ROW + MARGIN];
  const corner = kind === "input" || kind === "output" ? HEIGHT / 2 : 5;
  const text = (y: number, content: string, style = "") =>
    content === "" ? "" : `<text${style} x="${round(left)}" y="${round(y)}">${escapeText(content)}</text>`;
  return (
    `<g class="${kind}"><title>${escapeText(title)}</title>` +
    `<rect x="${round(left - width / 2)}" y="${top}" width="${round(width)}" height="${HEIGHT}" rx="${corner}"/>` +
    `${text(top + (detail === "" ? 22 : 16), label)}${text(top + 29, detail, ' class="d"')}</g>`
  );
}

/** Curves from row to row, vertical where they meet one. What edges share is drawn once. */
function drawRoutes(routes: readonly Route[]): string {
  const drawn = new Map<Place, Set<Place>>();
  let path = "";
  for (const { points } of routes) {
    for (let i = 1; i < points.length; i++) {
      const [from, to] = [points[i - 1], points[i]];
      const known = drawn.get(from) ?? new Set();
      drawn.set(from, known);
      if (known.has(to)) continue;
      known.add(to);
      const [x0, x1] = [round(from.x + MARGIN), round(to.x + MARGIN)];
      const [y0, y1] = [from.row * ROW + MARGIN + HEIGHT, to.row * ROW + MARGIN];
      const middle = (y0 + y1) / 2;
      path += `M${x0} ${y0}C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
      if (i < points.length - 1) path += `v${HEIGHT}`;
    }
  }
  return `<path d="${path}"/>`;
}

function round(x: number): number {
  return Math.round(x * 10) / 10;
}

/** Text for XML, without the characters that XML does not allow. */
function escapeText(text: string): string {
  const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: names of a file may have any characters
  return text.replace(/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/g, "").replace(/[&<>"]/g, (c) => escapes[c]);
}
