import type { GradientHook } from "../autograd/graph.ts";

/** The hooks of leaves; those of other tensors are in their nodes. */
const leafHooks = /* @__PURE__ */ new WeakMap<object, GradientHook[]>();
/** Whether a leaf ever had a hook: until then no backward pass looks for them. */
let leavesHaveHooks = false;

export function hooksOfLeaf(leaf: object): GradientHook[] | null {
  return leavesHaveHooks ? (leafHooks.get(leaf) ?? null) : null;
}

export function setHooksOfLeaf(leaf: object, hooks: GradientHook[]): void {
  leafHooks.set(leaf, hooks);
  leavesHaveHooks = true;
}
