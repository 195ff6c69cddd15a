import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "vitest";
import { ones, scope, type Tensor } from "wasmgrad";
import { importOnnx } from "wasmgrad/onnx";
import { DataError, OutOfMemoryError } from "../../../src/errors.ts";
import { externalTensor, model, type NodeInit, node, type TensorInit, tensorProto } from "../../support/onnx_model.ts";

/** The bytes of messages in messages: field `path[0]` holds field `path[1]` holds ... `content`. */
function nested(path: readonly number[], content: Uint8Array): Uint8Array {
  let bytes = content;
  for (const number of [...path].reverse()) {
    bytes = new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();
  }
  return bytes;
}

// fields of the schema
const GRAPH = 7;
const NODE = 1;
const ATTRIBUTE = 5;
const INNER_GRAPH = 6;

/** Imports a model and runs it with a scalar. */
async function run(bytes: Uint8Array): Promise<void> {
  const imported = await importOnnx<Tensor>(bytes);
  scope(() => void imported.forward(ones([1])));
}

const reading = (nodes: NodeInit[], initializers: TensorInit[] = []) =>
  model({ nodes, inputs: ["x"], outputs: ["y"], initializers });

const scalar = (name: string, number: number | bigint) => tensorProto(name, [], [number], "int64");

describe("a hostile file gives a typed error", () => {
  it.each<[string, Uint8Array, string]>([
    [
      "graphs nested 3,000 deep",
      nested([GRAPH, ...Array(3000).fill([NODE, ATTRIBUTE, INNER_GRAPH]).flat()], new Uint8Array(0)),
      "> node > attribute: messages are nested deeper than 120",
    ],
    [
      "a length of 2^31 - 1 in 7 bytes",
      Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 0),
      "a length of 2147483647 where 1 bytes",
    ],
    ["a number without end", new Uint8Array(1000).fill(255), "a number of more than ten bytes"],
    [
      "5 million empty nodes",
      nested(
        [GRAPH],
        new Uint8Array(10_000_000).map((_, i) => (i % 2 ? 0 : 0x0a)),
      ),
      "more than 2097152 messages",
    ],
    [
      "30 million integers in an attribute",
      nested([GRAPH, NODE, ATTRIBUTE, 8], new Uint8Array(30_000_000)),
      "more than 16777216 numbers",
    ],
    [
      "5 million empty texts",
      nested(
        [GRAPH, NODE],
        new Uint8Array(10_000_000).map((_, i) => (i % 2 ? 0 : 0x0a)),
      ),
      "more than 4194304 fields",
    ],
    [
      "5 million floats, each in a field of its own",
      nested(
        [GRAPH, 5],
        new Uint8Array(25_000_000).map((_, i) => (i % 5 ? 0 : 0x25)),
      ),
      "more than 4194304 fields",
    ],
    [
      "a cycle",
      reading([node("Add", ["x", "b"], ["a"]), node("Neg", ["a"], ["b"]), node("Neg", ["b"], ["y"])]),
      "a cycle of 2 nodes",
    ],
    [
      "two values of one name",
      reading([node("Neg", ["x"], ["y"]), node("Neg", ["x"], ["y"])]),
      "two values are called",
    ],
    [
      "a shape of 2^40 elements",
      reading([node("Add", ["x", "w"], ["y"])], [tensorProto("w", [2 ** 40], [1])]),
      "got 4",
    ],
    ["a negative length", reading([node("Add", ["x", "w"], ["y"])], [tensorProto("w", [-1], [1])]), "got [-1]"],
    ["missing bytes", reading([node("Add", ["x", "w"], ["y"])], [tensorProto("w", [3], [1])]), "take 12 bytes, got 4"],
    [
      "another file that is not given",
      reading([node("Add", ["x", "w"], ["y"])], [externalTensor("w", [3], { location: "w" })]),
      "pass it as externalData",
    ],
    [
      "an unknown data_location",
      reading([node("Add", ["x", "w"], ["y"])], [{ ...tensorProto("w", [1], [1]), dataLocation: 7 as never }]),
      "data_location",
    ],
    [
      "a Range of 10^9",
      reading(
        [node("Range", ["a", "b", "c"], ["r"]), node("Add", ["x", "r"], ["y"])],
        [scalar("a", 0), scalar("b", 1e9), scalar("c", 1)],
      ),
      'Range "r": from 0 to 1000000000 by 1: expected at most 16777216 elements',
    ],
    [
      "a Range of 2^60",
      reading(
        [node("Range", ["a", "b", "c"], ["r"]), node("Add", ["x", "r"], ["y"])],
        [scalar("a", 0), scalar("b", 2n ** 60n), scalar("c", 1)],
      ),
      "int64 1152921504606847000: expected at most 2^53 - 1",
    ],
    [
      "a ConstantOfShape of 2^40",
      reading(
        [node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["y"])],
        [tensorProto("s", [1], [2 ** 40], "int64")],
      ),
      "out of memory: 4398046511104 bytes asked for",
    ],
    [
      "a Tile of 10^10",
      reading([node("Tile", ["x", "s"], ["y"])], [tensorProto("s", [1], [1e10], "int64")]),
      "out of memory: 40000000000 bytes asked for",
    ],
  ])("%s", async (_, bytes, message) => {
    const error = await run(bytes).catch((reason) => reason);
    expect(error).toBeInstanceOf(message.startsWith("out of memory") ? OutOfMemoryError : DataError);
    expect(error.message).toContain(message);
  });
});
