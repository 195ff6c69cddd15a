import type { TensorData } from "../file/tensor_data.ts";
import { HostValue, isFloat, MAX_HOST_ELEMENTS, type Value } from "../host_value.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";

/** Float tensors of at most so many elements stay on the host, where scales and bounds are needed. */
const SMALL = 16;

/** Whether a constant stays on the host: small ones and integers do. */
function isForHost({ type, size }: TensorData): boolean {
  return isFloat(type.host) ? size <= SMALL : size <= MAX_HOST_ELEMENTS;
}

/** A constant of a file that is on the host, or undefined. */
export function hostConstant(content: TensorData | HostValue): HostValue | undefined {
  if (content instanceof HostValue) return content;
  return isForHost(content) ? content.host() : undefined;
}

/** A constant of a file. */
export async function loadConstant(content: TensorData | HostValue): Promise<Value> {
  return hostConstant(content) ?? (content as TensorData).load();
}

/** The shape and ONNX's element type of a Constant node with numbers in its attributes. */
export function typeOfHost({ dims, type }: HostValue): { dims: readonly number[]; dataType: number } {
  return { dims, dataType: isFloat(type) ? DataType.FLOAT : DataType.INT64 };
}
