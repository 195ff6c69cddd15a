/** The picture of an imported graph, its layout, and its nodes in a summary. */
import { describe, expect, test } from "vitest";
import { nn, OptionError } from "wasmgrad";
import { graphPicture, importOnnx } from "wasmgrad/onnx";
import { summary } from "wasmgrad/train";
import { layOut } from "../../../src/onnx/picture/layered_layout.ts";
import { graph, graphAttribute, model, node, tensorProto, value } from "../../support/onnx_model.ts";
import { testRandom } from "../../support/random.ts";

const folder = new URL("../../fixtures/onnx/torch/", import.meta.url).pathname;

/** The texts of an SVG's elements of one name. */
function texts(svg: string, element: string): string[] {
  return [...svg.matchAll(new RegExp(`<${element}[^>]*>([^<]*)</${element}>`, "g"))].map(([, text]) => text);
}

describe("layout", () => {
  test("a chain is a column; each box is below those that it depends on", () => {
    const { places, width, rows } = layOut(
      [{ width: 40 }, { width: 60 }, { width: 20 }],
      [
        [0, 1],
        [1, 2],
      ],
    );
    expect(places.map(({ row }) => row)).toEqual([0, 1, 2]);
    expect(new Set(places.map(({ x }) => x))).toEqual(new Set([30]));
    expect([width, rows]).toEqual([60, 3]);
  });

  test("an edge over several rows passes beside the boxes between", () => {
    const boxes = [{ width: 40 }, { width: 40 }, { width: 40 }];
    const { places, routes } = layOut(boxes, [
      [0, 1],
      [1, 2],
      [0, 2],
    ]);
    const { points } = routes[2];
    expect(points.map(({ row }) => row)).toEqual([0, 1, 2]);
    expect(Math.abs(points[1].x - places[1].x)).toBeGreaterThan(20);
  });

  test("in random graphs, rows increase along edges and boxes do not overlap", () => {
    const random = testRandom(1);
    for (let round = 0; round < 30; round++) {
      const count = 2 + Math.floor(random() * 40);
      const nodes = Array.from({ length: count }, () => ({ width: 10 + Math.floor(random() * 100) }));
      const edges = Array.from({ length: 2 * count }, () => {
        const to = 1 + Math.floor(random() * (count - 1));
        return [Math.floor(random() * to), to] as const;
      });
      const { places, width } = layOut(nodes, edges);
      for (const [from, to] of edges) expect(places[from].row).toBeLessThan(places[to].row);
      const boxes = places.map(({ x, row }, i) => ({
        row,
        left: x - nodes[i].width / 2,
        right: x + nodes[i].width / 2,
      }));
      for (const a of boxes) {
        expect(a.left).toBeGreaterThan(-1e-6);
        expect(a.right).toBeLessThan(width + 1e-6);
        for (const b of boxes) {
          if (a !== b && a.row === b.row)
            expect(Math.min(a.right, b.right)).toBeLessThan(Math.max(a.left, b.left) + 1e-6);
        }
      }
    }
  });
});

describe("graphPicture", () => {
  test("shows the layers of a residual network, and its weights", async () => {
    const svg = graphPicture(await importOnnx(`${folder}small_resnet.names.onnx`));
    expect(texts(svg, "text").filter((text) => text === "Conv").length).toBe(3);
    expect(texts(svg, "text")).toContain("8 × 3 × 3 × 3");
    expect(texts(svg, "title").some((text) => text.includes("block.0.weight [8,8,3,3]"))).toBe(true);
    expect(texts(svg, "text").at(-1)).toBe("y");
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
  });

  test("shape arithmetic and rearranged weights appear with `all`", async () => {
    const net = await importOnnx(`${folder}small_gpt.names.onnx`);
    const [few, many] = [graphPicture(net), graphPicture(net, { all: true })];
    expect(texts(few, "text")).not.toContain("Shape");
    expect(texts(many, "text")).toContain("Shape");
    // the product has the weight that a Transpose rearranges
    expect(few).toMatch(/<g class="weights"><title>[^<]*\nblocks.0.qkv.weight/);
  });

  test("names with any characters are text; branches lead to their If", async () => {
    const branch = (name: string) => graphAttribute(graph({ nodes: [node("Relu", ["x"], [name])], outputs: [name] }));
    const net = await importOnnx(
      model({
        nodes: [
          node("If", ["true"], ["<y>&\u0001"], { attributes: { then_branch: branch("a"), else_branch: branch("b") } }),
        ],
        inputs: [value("x", [2])],
        outputs: ["<y>&\u0001"],
        initializers: [tensorProto("true", [], [1], "bool")],
      }),
    );
    const svg = graphPicture(net);
    expect(texts(svg, "text")).toEqual(["x", "2", "Relu", "Relu", "If", "&lt;y&gt;&amp;"]);
    expect(svg).not.toContain("\u0001");
  });

  test("refuses other values", () => {
    expect(() => graphPicture(new nn.ReLU() as never)).toThrow(OptionError);
  });
});

describe("summary", () => {
  test("lists the nodes that compute something, with parameters and operations", async () => {
    const net = await importOnnx(`${folder}small_resnet.names.onnx`);
    const { layers, parameters } = summary(net, [2, 3, 12, 12]);
    expect(layers.length).toBe(12);
    expect(layers[0]).toEqual({
      name: "/conv/Conv",
      kind: "Conv",
      outputShape: [2, 8, 6, 6],
      parameters: 216,
      flops: 2 * 2 * 8 * 6 * 6 * 27,
    });
    expect(layers.at(-1)).toMatchObject({ kind: "Gemm", parameters: 90, flops: 2 * 2 * 10 * 8 + 20 });
    expect(parameters).toBe(net.parameters().reduce((sum, p) => sum + p.numel(), 0));
  });

  test("inputs of token numbers; inside of other modules; all parameters once", async () => {
    const net = await importOnnx(`${folder}small_lstm.names.onnx`);
    const { parameters, layers } = summary(net, [1, 5]);
    expect(parameters).toBe(net.parameters().reduce((sum, p) => sum + p.numel(), 0));
    expect(layers.find(({ kind }) => kind === "LSTM")?.flops).toBe(2 * 5 * 2 * (24 * 4 + 24 * 6));
    const nested = new nn.Sequential(new nn.Identity(), await importOnnx(`${folder}small_resnet.names.onnx`));
    expect(summary(nested, [1, 3, 12, 12]).layers[1].name).toBe("1./conv/Conv");
    expect(Object.hasOwn(net, "forward")).toBe(false);
  });
});
