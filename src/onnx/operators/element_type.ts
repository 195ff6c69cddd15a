import { hostType, typeName } from "../file/element_types.ts";
import type { HostType } from "../host_value.ts";
import type { NodeView } from "../operator.ts";

/** The element type in an attribute, undefined if the node lacks it; or why the type is refused. */
export function typeAttribute(node: NodeView, name: string): { type?: HostType; refused: string | null } {
  if (!node.attributes.has(name)) return { refused: null };
  const number = node.attributes.int(name, 0);
  const type = hostType(number);
  return type ? { type, refused: null } : { refused: `${name} ${typeName(number)}` };
}
