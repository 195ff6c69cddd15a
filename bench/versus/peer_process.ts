import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Failed, Hello, Prepared, PrepareRequest, RunRequest, Timed, Values } from "./protocol.ts";

/**
 * Long enough for the slowest task of the slowest peer, and for torch.compile. A peer that hangs then ends
 * its row, not the whole benchmark.
 */
const PATIENCE_MS = 600_000;
/**
 * Idle threads spin at first. After this many milliseconds they sleep, and leave the cores to the other side.
 */
const SETTLE_MS = 40;

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A running peer. It handles one request at a time. */
export class PeerProcess {
  version = "";
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #complaints = "";

  private constructor(command: readonly string[], environment: Record<string, string>) {
    const [program, ...args] = command;
    this.#child = spawn(program, args, { env: { ...process.env, ...environment } });
    this.#child.on("error", (error) => (this.#complaints += error.message));
    this.#child.stdin.on("error", () => {}); // the peer has exited: the missing reply is reported instead
    this.#child.stderr.on("data", (data) => (this.#complaints = (this.#complaints + data).slice(-2000)));
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Starts a peer and waits until it is ready. */
  static async start(command: readonly string[], environment: Record<string, string> = {}): Promise<PeerProcess> {
    const peer = new PeerProcess(command, environment);
    try {
      peer.version = (await peer.#reply<Hello>()).version;
    } catch (error) {
      await peer.stop();
      throw error;
    }
    return peer;
  }

  async prepare(request: Omit<PrepareRequest, "do">): Promise<Values> {
    return (await this.#ask<Prepared>({ do: "prepare", ...request })).values;
  }

  /** Milliseconds of each of `iterations` repetitions, and of processor time. */
  async run(iterations: number, warmup: number): Promise<Timed> {
    await sleep(SETTLE_MS);
    return this.#ask<Timed>({ do: "run", iterations, warmup });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  #lastWords(): string {
    const lines = this.#complaints.trim().split("\n");
    return lines.find((line) => line.includes("Error")) ?? lines.at(-1) ?? "";
  }

  #ask<Reply>(request: PrepareRequest | RunRequest): Promise<Reply> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.#reply<Reply>();
  }

  async #reply<Reply>(): Promise<Reply> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    });
    try {
      const { value, done } = await Promise.race([this.#lines.next(), late]);
      if (done) throw new Error(`the process ended: ${this.#lastWords()}`);
      const reply = JSON.parse(value) as Reply | Failed;
      if (typeof reply === "object" && reply && "error" in reply) throw new Error(reply.error);
      return reply as Reply;
    } finally {
      clearTimeout(timer);
    }
  }
}
