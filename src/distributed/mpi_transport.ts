import { DistributedError } from "../errors.ts";
import type { Address } from "../runtime/address.ts";
import { fnv1a } from "../runtime/identity.ts";
import { linearMemory } from "../runtime/linear_memory.ts";
import { settle } from "../runtime/parallel/pending.ts";
import { Account, decodeReport, encodeReport, type RankReport, REPORT_BYTES, ranksText } from "./account.ts";
import { loadLibrary, type NativeValue, nativeAddress } from "./ffi.ts";
import { hydraEnd } from "./hydra_end.ts";
import type { Mpi } from "./mpi.ts";
import type { Collective, Exchange, Transport } from "./transport.ts";

/** The tags of messages. */
const PAIR = 1;
const REPORT = 2;

/** Waiting for other ranks: how long to ask MPI without a pause, and when to tell rank 0. */
const SPIN_MS = 0.2;
const REPORT_MS = 250;
/** Rank 0, which knows more, gives up this much earlier than the others. */
const HEAD_START_MS = 1000;

/** The C library, and the seconds that MPI gets for its end when all ranks are there. */
const LIBC = ["libc.so.6", "libSystem.dylib"];
const FINALIZE_SECONDS = 15;

/** The number of integers in every `meet`, those of this file included: 64 bytes. */
const MEET_LENGTH = 16;

/** A piece of memory that MPI may use while JavaScript continues. */
class NativeInts {
  readonly ints: Int32Array;
  readonly address: bigint;

  constructor(length: number) {
    const bytes = new Uint8Array(4 * length);
    this.ints = new Int32Array(bytes.buffer);
    this.address = nativeAddress(bytes);
  }
}

/**
 * Messages by MPI, straight from and to the linear memory.
 *
 * A call of MPI that waits cannot be interrupted: neither signals nor time-outs are seen. So the ranks first
 * meet: by a reduction that does not block, which each rank tests from time to time. The calls after it find
 * all ranks there.
 */
export class MpiTransport implements Transport {
  readonly rank: number;
  readonly worldSize: number;
  readonly library: string;
  readonly #mpi: Mpi;
  readonly #timeoutMs: number;
  /** Where the linear memory begins; it stays there when it grows. */
  readonly #base: bigint;
  /** For the end alone: a rank may be there while others are still in a collective. */
  readonly #ending: NativeValue;
  readonly #own = new NativeInts(MEET_LENGTH);
  readonly #maximum = new NativeInts(MEET_LENGTH);
  readonly #account: Account | null;
  /** Reports under way, which MPI may not have read yet. */
  readonly #sent: Uint8Array[] = [];
  /** Number of collectives so far. */
  #count = 0;

  constructor(mpi: Mpi, { rank, worldSize }: { rank: number; worldSize: number }, timeoutSeconds: number) {
    this.#mpi = mpi;
    this.rank = rank;
    this.worldSize = worldSize;
    this.library = mpi.version;
    this.#timeoutMs = 1000 * timeoutSeconds;
    this.#base = nativeAddress(new Uint8Array(linearMemory.buffer, 0, 8));
    this.#ending = mpi.duplicateWorld();
    this.#account = rank === 0 ? new Account(worldSize) : null;
  }

  #at(address: Address): bigint {
    return this.#base + BigInt(address);
  }

  meet({ name, size }: Collective, values: readonly number[]): Int32Array {
    settle();
    const { int, max, world } = this.#mpi.constants;
    const code = fnv1a(new TextEncoder().encode(name)) >>> 1; // an int32, and so is -code
    this.#own.ints.fill(0);
    this.#own.ints.set([code, -code, size, -size, ...values]);
    this.#count++;
    const request = this.#request();
    this.#mpi.call("Iallreduce", this.#own.address, this.#maximum.address, MEET_LENGTH, int, max, world, request);
    this.#wait(request, "waits", name);
    const [highCode, lowCode, highSize, lowSize] = this.#maximum.ints;
    if (highCode !== -lowCode || highSize !== -lowSize) this.#refuse(name, size);
    return this.#maximum.ints.slice(4, 4 + values.length);
  }

  /** The ranks are at different collectives, or at one with different sizes. */
  #refuse(name: string, size: number): never {
    const text = JSON.stringify([name, size]);
    const [first, ...others] = this.gatherBytes(new TextEncoder().encode(text)).map((bytes) =>
      new TextDecoder().decode(bytes),
    );
    const rank = 1 + others.findIndex((other) => other !== first);
    const [a, b] = [first, others[rank - 1]].map((each) => {
      const [where, length] = JSON.parse(each) as [string, number];
      return `${where} (size ${length})`;
    });
    throw new DistributedError(`all ranks must do the same: rank 0 is at ${a}, rank ${rank} at ${b}`);
  }

  #request(): Uint8Array {
    return new Uint8Array(this.#mpi.constants.requestBytes);
  }

  #isDone(request: Uint8Array): boolean {
    const done = new Int32Array(1);
    this.#mpi.call("Test", request, done, this.#mpi.constants.ignoreStatus);
    return done[0] !== 0;
  }

  /** Waits for all ranks. Rank 0 collects the reports of those that wait. */
  #wait(request: Uint8Array, state: RankReport["state"], name: string): void {
    const began = performance.now();
    const report = { rank: this.rank, state, collective: this.#count, name };
    let isReported = false;
    let waited = 0;
    while (!this.#isDone(request)) {
      waited = performance.now() - began;
      if (waited < SPIN_MS) continue;
      if (!isReported && (state === "ended" || waited > REPORT_MS)) {
        isReported = true;
        this.#report(report);
      }
      if (this.#account) this.#readReports(this.#account);
      this.#checkOthers(waited, report);
      pause(Math.min(1, waited / 20));
    }
  }

  #report(report: RankReport): void {
    if (this.#account) {
      this.#account.add(report);
      return;
    }
    const { byte, world } = this.#mpi.constants;
    const bytes = encodeReport(report);
    this.#sent.push(bytes);
    if (this.#sent.length > 16) this.#sent.shift(); // long read by then
    this.#mpi.call("Isend", nativeAddress(bytes), REPORT_BYTES, byte, 0, REPORT, world, this.#request());
  }

  #readReports(account: Account): void {
    const { anySource, byte, ignoreStatus, world } = this.#mpi.constants;
    const found = new Int32Array(1);
    while (true) {
      this.#mpi.call("Iprobe", anySource, REPORT, world, found, ignoreStatus);
      if (found[0] === 0) return;
      const bytes = new Uint8Array(REPORT_BYTES);
      this.#mpi.call("Recv", bytes, REPORT_BYTES, byte, anySource, REPORT, world, ignoreStatus);
      account.add(decodeReport(bytes));
    }
  }

  /** @throws DistributedError when the others will not come, or have not come in time. */
  #checkOthers(waited: number, { state, collective, name }: RankReport): void {
    const place = state === "ended" ? "the end of the program" : name;
    const deadlock = this.#account?.deadlock(collective);
    if (deadlock) throw new DistributedError(deadlock);
    if (waited < this.#timeoutMs + (this.#account ? 0 : HEAD_START_MS)) return;
    const seconds = Math.round(this.#timeoutMs / 1000);
    const missing = this.#account?.missing(collective) ?? [];
    const who = state === "ended" ? "not all other ranks" : missing.length > 0 ? ranksText(missing) : "rank 0";
    const verb = state === "ended" ? "came" : "did not come";
    throw new DistributedError(`${who} ${verb} to ${place} within ${seconds} seconds (timeoutSeconds)`);
  }

  exchange(exchange: Exchange): void {
    settle();
    const { int, world, inPlace, ignoreStatus } = this.#mpi.constants;
    if (exchange.kind === "pair") {
      const { peer, send, sendLength, receive, receiveLength } = exchange;
      const sent = [this.#at(send), sendLength, int, peer, PAIR] as const;
      const received = [this.#at(receive), receiveLength, int, peer, PAIR] as const;
      this.#mpi.call("Sendrecv", ...sent, ...received, world, ignoreStatus);
    } else if (exchange.kind === "gather") {
      const { vector, lengths, offsets } = exchange;
      this.#mpi.call("Allgatherv", inPlace, 0, int, this.#at(vector), lengths, offsets, int, world);
    } else {
      const { send, sendLengths, sendOffsets, receive, receiveLengths, receiveOffsets } = exchange;
      const sent = [this.#at(send), sendLengths, sendOffsets, int] as const;
      const received = [this.#at(receive), receiveLengths, receiveOffsets, int] as const;
      this.#mpi.call("Alltoallv", ...sent, ...received, world);
    }
  }

  broadcast(address: Address, length: number, root: number): void {
    settle();
    const { int, world } = this.#mpi.constants;
    this.#mpi.call("Bcast", this.#at(address), length, int, root, world);
  }

  gatherBytes(bytes: Uint8Array): Uint8Array[] {
    const { byte, int, world } = this.#mpi.constants;
    const lengths = new Int32Array(this.worldSize);
    this.#mpi.call("Allgather", Int32Array.of(bytes.length), 1, int, lengths, 1, int, world);
    let total = 0;
    const offsets = lengths.map((length) => {
      total += length;
      return total - length;
    });
    const all = new Uint8Array(Math.max(total, 1));
    this.#mpi.call("Allgatherv", bytes, bytes.length, byte, all, lengths, offsets, byte, world);
    return Array.from(lengths, (length, rank) => all.subarray(offsets[rank], offsets[rank] + length));
  }

  end(): void {
    settle();
    this.#count++;
    const request = this.#request();
    this.#mpi.call("Ibarrier", this.#ending, request);
    this.#wait(request, "ended", "the end");
    if (this.#account) this.#readReports(this.#account);
    const finish = this.#mpi.isMpichOverUcx ? hydraEnd(process.env, this.worldSize) : null;
    // what hangs here is ended by the system's alarm, and so is the job
    const alarm = loadLibrary(LIBC, [])?.func("alarm", ["int"]);
    alarm?.(FINALIZE_SECONDS);
    if (finish) finish();
    else this.#mpi.call("Finalize");
    alarm?.(0);
  }

  /** Ends all ranks at once. */
  abort(code: number): void {
    this.#mpi.call("Abort", this.#mpi.constants.world, code);
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Keeps the thread waiting, without work for the processor. */
export function pause(milliseconds: number): void {
  Atomics.wait(sleeper, 0, 0, milliseconds);
}
