/**
 * Cuts the kernels into parts, so that a bundler leaves out those that a program does not use: the base,
 * which has what the methods of Tensor need, and the other families. The base is a module with all functions,
 * but those of the parts only trap; a part has their bodies.
 */
import { encoded, functionBodies, replaceBodies, SECTION, sectionOf, WasmReader } from "../src/runtime/wasm_binary.ts";

/** The folders of assembly/ that are parts, with the name of the part. */
const FOLDERS = ["conv", "image", "loss", "norm", "optim", "pool", "random", "recurrent"] as const;
/** Their files that the base needs. */
const IN_BASE = ["assembly/loss/softmax.ts"];
/** `unreachable`, in a body without local variables. */
const TRAP = Uint8Array.of(3, 0, 0, 11);

export type PartName = (typeof FOLDERS)[number];

/** The part that the kernels of a source file belong to. Undefined for the base. */
export function partOfFile(file: string): PartName | undefined {
  return IN_BASE.includes(file) ? undefined : FOLDERS.find((folder) => file.startsWith(`assembly/${folder}/`));
}

/** The functions that a module exports, by name. It must not import functions. */
function exportedFunctions(bytes: Uint8Array): Map<string, number> {
  const { begin } = sectionOf(bytes, SECTION.export) as { begin: number };
  const reader = new WasmReader(bytes, begin);
  const found = new Map<string, number>();
  for (let count = reader.number(); count > 0; count--) {
    const name = Buffer.from(bytes.subarray(...reader.block())).toString();
    const kind = reader.byte();
    const index = reader.number();
    if (kind === 0) found.set(name, index);
  }
  return found;
}

/** Operands of instructions 0x02 to 0xc4: b(lock type), n(umber), m(emory: two numbers), 4 or 8 bytes. */
function operandsOf(opcode: number): string {
  if (opcode >= 0x02 && opcode <= 0x04) return "n"; // all block types here are one byte
  if ([0x0c, 0x0d, 0x10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x3f, 0x40, 0x41, 0x42].includes(opcode)) return "n";
  if (opcode >= 0x28 && opcode <= 0x3e) return "nn";
  if (opcode === 0x43) return "4";
  if (opcode === 0x44) return "8";
  if (opcode === 0x11 || opcode === 0x1c) throw new Error(`kernel_parts: instruction ${opcode} is not expected`);
  return "";
}

/** Operands of instructions that begin with 0xfc or 0xfd. */
function prefixedOperandsOf(prefix: number, opcode: number): string {
  if (prefix === 0xfc) return { 8: "nn", 9: "n", 10: "nn", 11: "n" }[opcode] ?? "";
  if (opcode <= 11 || opcode === 92 || opcode === 93) return "nn";
  if (opcode === 12 || opcode === 13) return "88";
  if (opcode >= 84 && opcode <= 91) return "nn1";
  return opcode >= 21 && opcode <= 34 ? "1" : "";
}

/** The functions that a function calls. `body` begins with its length. */
function callsOf(body: Uint8Array): number[] {
  const reader = new WasmReader(body, 0);
  const [begin, end] = reader.block();
  reader.at = begin;
  for (let count = reader.number(); count > 0; count--) {
    reader.number();
    reader.byte();
  }
  const calls: number[] = [];
  while (reader.at < end) {
    const opcode = reader.byte();
    if (opcode === 0x0e) for (let count = reader.number(); count >= 0; count--) reader.number();
    else if (opcode === 0xfe) throw new Error("kernel_parts: kernels contain no atomic instructions");
    else {
      const isPrefix = opcode === 0xfc || opcode === 0xfd;
      const operands = isPrefix ? prefixedOperandsOf(opcode, reader.number()) : operandsOf(opcode);
      for (const operand of operands) {
        if (operand !== "n") reader.at += Number(operand);
        else if (opcode === 0x10) calls.push(reader.number());
        else reader.number();
      }
    }
  }
  if (reader.at !== end) throw new Error("kernel_parts: a function's last instruction goes beyond its end");
  return calls;
}

/** Bodies as a part: for each, the number of its function, then the body with its length. */
function encodeBodies(bodies: Iterable<readonly [index: number, body: Uint8Array]>): Uint8Array {
  return Uint8Array.from([...bodies].flatMap(([index, body]) => [...encoded(index), ...body]));
}

/** The parts of a module, by name, with "base". `files` are the sources of its kernels. */
export function cutIntoParts(bytes: Uint8Array, files: ReadonlyMap<string, string>): Map<string, Uint8Array> {
  const bodies = functionBodies(bytes);
  const calls = bodies.map(callsOf);
  /** The parts that use a function; undefined stands for the base. */
  const users = bodies.map(() => new Set<PartName | undefined>());
  const visit = (index: number, part: PartName | undefined) => {
    if (users[index].has(part)) return;
    users[index].add(part);
    for (const callee of calls[index]) visit(callee, part);
  };
  for (const [name, index] of exportedFunctions(bytes)) {
    const file = files.get(name);
    if (file === undefined) throw new Error(`kernel_parts: ${name} has no source`);
    visit(index, partOfFile(file));
  }
  // what several parts use is in the base
  const partOf = users.map((parts) => (parts.size === 1 ? [...parts][0] : undefined));
  const result = new Map<string, Uint8Array>();
  const traps = partOf.flatMap((part, i) => (part ? [[i, TRAP] as const] : []));
  result.set("base", replaceBodies(bytes, [encodeBodies(traps)]));
  for (const name of FOLDERS) {
    result.set(name, encodeBodies(bodies.flatMap((body, i) => (partOf[i] === name ? [[i, body] as const] : []))));
  }
  if (!Buffer.from(replaceBodies(result.get("base") as Uint8Array, [...result.values()].slice(1))).equals(bytes)) {
    throw new Error("kernel_parts: the parts do not make the module");
  }
  return result;
}

/** What differs in `target`, another build of the same functions, as a part. */
export function difference(bytes: Uint8Array, target: Uint8Array): Uint8Array {
  const own = functionBodies(bytes);
  const others = functionBodies(target).map((body, i) => [i, body] as const);
  const part = encodeBodies(others.filter(([i, body]) => !Buffer.from(body).equals(own[i])));
  if (!Buffer.from(replaceBodies(bytes, [part])).equals(target)) {
    throw new Error("kernel_parts: the builds differ in more than bodies of functions");
  }
  return part;
}
