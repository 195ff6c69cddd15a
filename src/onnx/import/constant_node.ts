import { type HostType, HostValue } from "../host_value.ts";
import type { AttributeProto, TensorProto } from "../schema/onnx_pb.ts";

/**
 * The value of a Constant node with these attributes, or null if it cannot be read (a string, a sparse
 * tensor).
 */
export function constantOf(attributes: readonly AttributeProto[]): TensorProto | HostValue | null {
  for (const { name, t, f, i, floats, ints } of attributes) {
    switch (name) {
      case "value":
        return t ?? null;
      case "value_float":
        return new HostValue([], [f], "float");
      case "value_floats":
        return list(floats, "float");
      case "value_int":
        return new HostValue([], [Number(i)], "int64");
      case "value_ints":
        return list(ints.map(Number), "int64");
    }
  }
  return null;
}

function list(data: readonly number[], type: HostType): HostValue {
  return new HostValue([data.length], data, type);
}
