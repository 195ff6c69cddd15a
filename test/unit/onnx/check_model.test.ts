import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DataError } from "../../../src/errors.ts";
import { checkModel, MAX_NESTING, MAX_NODES } from "../../../src/onnx/file/check_model.ts";
import { decodeModel } from "../../../src/onnx/file/decode.ts";
import { FunctionProtoSchema, ModelProtoSchema } from "../../../src/onnx/schema/onnx_pb.ts";
import {
  type Attribute,
  type Graph,
  type GraphInit,
  graph,
  graphAttribute,
  model,
  type NodeInit,
  node,
  tensorProto,
} from "../../support/onnx_model.ts";

const check = (bytes: Uint8Array) => checkModel("model.onnx", decodeModel("model.onnx", bytes));

function refuses(parts: Graph, message: string | RegExp): void {
  expect(() => check(model(parts))).toThrow(DataError);
  expect(() => check(model(parts))).toThrow(message);
}

/** The bytes of a model with functions. */
function withFunctions(
  nodes: NodeInit[],
  ...functions: { name: string; nodes: NodeInit[]; input?: string[] }[]
): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, model({ nodes, inputs: ["x"], outputs: [] }));
  proto.functions = functions.map(({ name, nodes, input = ["x"] }) =>
    create(FunctionProtoSchema, { name, domain: "mine", input, output: ["y"], node: nodes as never }),
  );
  return toBinary(ModelProtoSchema, proto);
}

const call = (name: string, output = "y") => node(name, ["x"], [output], { domain: "mine" });

describe("checkModel", () => {
  it("accepts a model with graphs in attributes, omitted inputs and outputs, and inputs with initializers", () => {
    const branch = graph({ nodes: [node("Add", ["x", "b"], ["x2"])], outputs: ["x2"] });
    const shadowing = graph({ nodes: [node("Neg", ["x"], ["h"])], outputs: ["h"] });
    const parts = {
      nodes: [
        node("Clip", ["x", "", "b"], ["h", ""]),
        node("If", ["c"], ["y"], {
          attributes: { then_branch: graphAttribute(branch), else_branch: graphAttribute(shadowing) },
        }),
      ],
      inputs: ["x", "c", "b"],
      outputs: ["y", "x"],
      initializers: [tensorProto("b", [], [1])],
    };
    expect(() => check(model(parts))).not.toThrow();
  });

  it("refuses names that are used twice", () => {
    const nodes = [node("Neg", ["x"], ["y"], { name: "first" })];
    refuses({ nodes, inputs: ["x", "x"], outputs: ["y"] }, 'model.onnx: graph "graph": two values are called "x"');
    const twice = [tensorProto("x", [], [1]), tensorProto("x", [], [2])];
    refuses({ nodes, outputs: ["y"], initializers: twice }, 'two values are called "x"');
    refuses({ nodes, inputs: ["x"], outputs: ["y"], initializers: twice }, 'two values are called "x"');
    refuses({ nodes: [...nodes, node("Exp", ["x"], ["y"])], inputs: ["x"], outputs: [] }, 'node "y" (Exp): two values');
    refuses({ nodes: [node("Neg", ["x"], ["x"])], inputs: ["x"], outputs: [] }, 'node "x" (Neg): two values');
    refuses({ nodes: [node("Split", ["x"], ["y", "y"])], inputs: ["x"], outputs: [] }, 'two values are called "y"');
    refuses({ nodes, inputs: ["x", ""], outputs: [] }, "an input without a name");
  });

  it("refuses what is not defined, or only later, and cycles", () => {
    const inputs = ["x"];
    refuses(
      { nodes: [node("Neg", ["q"], ["y"], { name: "n" })], inputs, outputs: [] },
      'node "n" (Neg) reads "q", which nothing computes',
    );
    refuses(
      { nodes: [node("Neg", ["h"], ["y"]), node("Exp", ["x"], ["h"])], inputs, outputs: [] },
      'node "y" (Neg) reads "h", which node "h" (Exp) computes only after it',
    );
    refuses(
      {
        nodes: [node("Add", ["x", "c"], ["a"]), node("Neg", ["a"], ["b"]), node("Exp", ["b"], ["c"])],
        inputs,
        outputs: [],
      },
      'a cycle of 3 nodes, each of which reads what the next one computes: node "c" (Exp), node "b" (Neg), node "a" (Add)',
    );
    refuses({ nodes: [node("Neg", ["y"], ["y"])], inputs, outputs: [] }, "a cycle of 1 nodes");
    refuses({ nodes: [], inputs, outputs: ["z"] }, 'nothing computes its output "z"');
  });

  it("does not see names of graphs within nodes, nor later ones from there", () => {
    const inner = graph({ nodes: [node("Neg", ["late"], ["inner"])], outputs: ["inner"], name: "branch" });
    const branch = node("If", ["x"], ["y"], { attributes: { then_branch: graphAttribute(inner) } });
    refuses(
      { nodes: [branch, node("Neg", ["x"], ["late"])], inputs: ["x"], outputs: [] },
      'graph "branch": node "inner" (Neg) reads "late", which nothing computes',
    );
    refuses(
      { nodes: [node("Neg", ["x"], ["late"]), branch, node("Exp", ["inner"], ["z"])], inputs: ["x"], outputs: [] },
      'node "z" (Exp) reads "inner"',
    );
  });

  it("refuses nodes without an operator and attributes that are given twice", () => {
    refuses({ nodes: [node("", ["x"], ["y"])], inputs: ["x"], outputs: [] }, 'node "y" () has no operator');
    const twice = node("Clip", ["x"], ["y"], { attributes: { min: 1 } });
    (twice.attribute as unknown[]).push((twice.attribute as unknown[])[0]);
    refuses({ nodes: [twice], inputs: ["x"], outputs: [] }, 'node "y" (Clip): attribute "min" is given twice');
    const reference = node("Clip", ["x"], ["y"], { attributes: { min: { refAttrName: "low" } } });
    refuses({ nodes: [reference], inputs: ["x"], outputs: [] }, "refers to one of a function");
    expect(() => check(withFunctions([call("F")], { name: "F", nodes: [reference] }))).not.toThrow();
  });

  it("limits nodes and depth", () => {
    const many = Array.from({ length: MAX_NODES + 1 }, (_, i) => node("Neg", ["x"], [`y${i}`]));
    expect(() => check(model({ nodes: many.slice(1), inputs: ["x"], outputs: [] }))).not.toThrow();
    refuses({ nodes: many, inputs: ["x"], outputs: [] }, "more than 200000 nodes");
    const nest = (levels: number): GraphInit => {
      const attributes: Record<string, Attribute> = levels === 0 ? {} : { body: graphAttribute(nest(levels - 1)) };
      return graph({ nodes: [node("Neg", ["x"], [`y${levels}`], { attributes })], outputs: [] });
    };
    const nested = (levels: number) => [
      node("If", ["x"], ["y"], { attributes: { body: graphAttribute(nest(levels - 1)) } }),
    ];
    expect(() => check(model({ nodes: nested(MAX_NESTING), inputs: ["x"], outputs: [] }))).not.toThrow();
    refuses({ nodes: nested(MAX_NESTING + 1), inputs: ["x"], outputs: [] }, "graphs are nested deeper than 32");
  });

  it("checks functions", () => {
    expect(() =>
      check(withFunctions([call("F", "z")], { name: "F", nodes: [node("Neg", ["x"], ["y"])] })),
    ).not.toThrow();
    const functions = (...list: Parameters<typeof withFunctions>[1][]) => check(withFunctions([call("F")], ...list));
    expect(() => functions({ name: "F", nodes: [node("Neg", ["q"], ["y"])] })).toThrow(
      'function "F": node "y" (Neg) reads "q"',
    );
    expect(() => functions({ name: "F", nodes: [] })).toThrow('function "F": nothing computes its output "y"');
    expect(() => functions({ name: "F", nodes: [call("F")] })).toThrow('function "F" calls itself');
    expect(() => functions({ name: "F", nodes: [call("G")] }, { name: "G", nodes: [call("F")] })).toThrow(
      "calls itself",
    );
    const same = { name: "F", nodes: [node("Neg", ["x"], ["y"])] };
    expect(() => functions(same, same)).toThrow('two functions are called "F"');
    expect(() => functions({ ...same, input: ["x", "x"] })).toThrow('two inputs are called "x"');
  });

  it("limits what calls of functions stand for", () => {
    const doubling = (levels: number) =>
      Array.from({ length: levels }, (_, i) => {
        const next = i + 1 === levels ? "Neg" : `F${i + 1}`;
        const domain = i + 1 === levels ? "" : "mine";
        return { name: `F${i}`, nodes: ["a", "y"].map((name) => node(next, ["x"], [name], { domain })) };
      });
    expect(() => check(withFunctions([call("F0")], ...doubling(17)))).not.toThrow();
    expect(() => check(withFunctions([call("F0")], ...doubling(18)))).toThrow("stand for more than 200000 nodes");
    const chain = Array.from({ length: 5_000 }, (_, i) => ({ name: `F${i}`, nodes: [call(`F${i + 1}`)] }));
    expect(() => check(withFunctions([call("F0")], ...chain))).toThrow("over more than 32 levels");
    expect(() => check(withFunctions([call("F0")], ...chain.reverse()))).toThrow("over more than 32 levels");
  });

  it("refuses a model without a graph", () => {
    expect(() => check(toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 9n })))).toThrow(
      "without a graph",
    );
  });
});
