/**
 * A peer's side of the protocol. usage of every peer: tsx PEER.ts [OWN ARGUMENTS] INPUTS.safetensors THREADS
 * VARIANT
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Hello, Prepared, Request, Task, Timed } from "../protocol.ts";

/** An array of the inputs, in a form that every framework can read. */
export interface Input {
  shape: number[];
  data: Float32Array;
}

export type Inputs = Record<string, Input>;

/**
 * A task as a peer computes it. Both functions may be synchronous, so that no event loop iteration is timed.
 */
export interface Prepare {
  /** Computes with the given images and masks. */
  check(): Prepared["values"] | Promise<Prepared["values"]>;
  /**
   * The function that is timed. A training step draws its mask itself if the framework has a fast generator.
   */
  step(): unknown;
}

export interface Peer {
  version: string;
  prepare(task: Task & { steps: number }): Prepare | Promise<Prepare>;
}

/** The F32 tensors of a safetensors file: 8 bytes of header length, JSON, elements. */
export function readInputs(path: string): Inputs {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header).map(([name, { shape, data_offsets }]) => {
      const [begin, end] = data_offsets.map((offset) => start + offset);
      return [
        name,
        { shape, data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + end)) },
      ];
    }),
  );
}

/** The first `count` entries of the first axis. */
export function first(count: number, { shape, data }: Input): Input {
  const size = data.length / shape[0];
  return { shape: [count, ...shape.slice(1)], data: data.subarray(0, count * size) };
}

async function time(step: () => unknown, warmup: number, iterations: number): Promise<Timed> {
  const milliseconds: number[] = [];
  let before = process.cpuUsage();
  for (let i = -warmup; i < iterations; i++) {
    if (i === 0) before = process.cpuUsage();
    const start = performance.now();
    const result = step();
    if (result instanceof Promise) await result;
    if (i >= 0) milliseconds.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  return { milliseconds, cpu: (user + system) / 1000 / iterations };
}

/** Answers requests until the input ends. */
export async function serve(start: (inputs: Inputs, threads: number, variant: string) => Peer | Promise<Peer>) {
  const answer = (reply: Hello | Prepared | Timed | { error: string }) =>
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  // libraries print greetings on the console, which must not be mistaken for replies
  console.log = console.info = console.error;
  const [path, threads, variant] = process.argv.slice(-3);
  const peer = await start(readInputs(path), Number(threads), variant);
  let current: Prepare | undefined;
  const respond = async (request: Request): Promise<Prepared | Timed> => {
    if (request.do === "prepare") {
      current = await peer.prepare(request);
      return { values: await current.check() };
    }
    if (!current) throw new Error("run: nothing was prepared");
    return await time(current.step, request.warmup, request.iterations);
  };
  answer({ version: peer.version });
  for await (const line of createInterface(process.stdin)) {
    try {
      answer(await respond(JSON.parse(line)));
    } catch (error) {
      answer({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}
