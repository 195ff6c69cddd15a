import type { HostType } from "../host_value.ts";
import type { NodeView } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";

/** Element types that results may have. Integers on the host have any of them, tensors are float32, int32 or bool. */
const HOST_TYPES: Readonly<Record<number, HostType>> = {
  [DataType.FLOAT]: "float",
  [DataType.DOUBLE]: "double",
  [DataType.BOOL]: "bool",
  [DataType.INT8]: "int8",
  [DataType.UINT8]: "uint8",
  [DataType.INT16]: "int16",
  [DataType.UINT16]: "uint16",
  [DataType.INT32]: "int32",
  [DataType.UINT32]: "uint32",
  [DataType.INT64]: "int64",
  [DataType.UINT64]: "uint64",
};

/** The element type in an attribute, undefined if the node lacks it; or why the type is refused. */
export function typeAttribute(node: NodeView, name: string): { type?: HostType; refused: string | null } {
  if (!node.attributes.has(name)) return { refused: null };
  const number = node.attributes.int(name, 0);
  const type = HOST_TYPES[number];
  return type ? { type, refused: null } : { refused: `${name} ${DataType[number] ?? number}` };
}
