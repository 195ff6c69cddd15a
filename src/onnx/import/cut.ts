import { describe } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import { allNodes, type GraphNode, OMITTED, type Program } from "./graph.ts";
import { readBy } from "./plan.ts";

/**
 * The part of a program that computes the values with these names, without the inputs, nodes and constants
 * that only others need.
 *
 * @param ownOutputs the names of the program's outputs
 * @throws OptionError for a name that is no value of the graph.
 */
export function cutProgram(program: Program, names: readonly string[], ownOutputs: readonly string[]): Program {
  const own = [...program.inputs, ...program.nodes.flatMap(({ outputs }) => outputs)];
  const slots = new Map(own.filter((slot) => slot !== OMITTED).map((slot) => [program.slots[slot], slot]));
  ownOutputs.forEach((name, i) => {
    slots.set(name, program.outputs[i]);
  });
  const outputs = names.map((name) => {
    const slot = slots.get(name);
    if (slot === undefined)
      throw new OptionError(`importOnnx: outputs: the graph has no value ${JSON.stringify(name)}`);
    return slot;
  });
  const needed = new Set(outputs);
  const nodes: GraphNode[] = [];
  for (const node of [...program.nodes].reverse()) {
    if (!node.outputs.some((slot) => needed.has(slot))) continue;
    nodes.push(node);
    for (const slot of readBy(node)) needed.add(slot);
  }
  const kept = {
    ...program,
    inputs: program.inputs.filter((slot) => needed.has(slot)),
    outputs,
    nodes: nodes.reverse(),
  };
  const inside = new Set([...allNodes(kept)].flatMap((node) => [...readBy(node)]));
  const constants = [...program.constants].filter(([slot]) => needed.has(slot) || inside.has(slot));
  return { ...kept, constants: new Map(constants) };
}

/** Checks the option. */
export function checkOutputNames(names: unknown): void {
  const valid = Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === "string");
  if (valid && new Set(names).size === names.length) return;
  throw new OptionError(`importOnnx: outputs expected a list of names, each once, got ${describe(names)}`);
}
