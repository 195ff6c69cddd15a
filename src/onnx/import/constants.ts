import { elementType, refuseElementType } from "../file/element_types.ts";
import type { TensorData } from "../file/tensor_data.ts";
import { type HostType, HostValue, isFloat, MAX_HOST_ELEMENTS, type Value } from "../host_value.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";

/** Float tensors of at most so many elements stay on the host, where scales and bounds are needed. */
const SMALL = 16;

/** The type of host values that holds elements of a type of ONNX, or undefined if they are not supported. */
export function hostType(dataType: number): HostType | undefined {
  return refuseElementType(dataType) === null ? elementType("", dataType).host : undefined;
}

/** Whether elements of a type of ONNX are read to float32. */
export function isFloatType(dataType: number): boolean {
  const host = hostType(dataType);
  return host !== undefined && isFloat(host);
}

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
