import { DistributedError } from "../errors.ts";
import { loadLibrary, type NativeFunction, type NativeLibrary, type NativeType, type NativeValue } from "./ffi.ts";
import type { Launcher, MpiKind } from "./launcher.ts";

/** Only one thread of the process calls MPI. */
const THREAD_FUNNELED = 1;

/** The names of the libraries' files, the usual ones first. */
const FILES: Record<MpiKind, readonly string[]> = {
  "Open MPI": ["libmpi.so.40", "libmpi.so", "libmpi.40.dylib", "libmpi.dylib"],
  MPICH: ["libmpich.so.12", "libmpi.so.12", "libmpich.so", "libmpi.12.dylib"],
};

/** The values that the two kinds of MPI give to the standard's names. */
interface Constants {
  kind: MpiKind;
  /** The C type of a handle. */
  handle: NativeType;
  world: NativeValue;
  int: NativeValue;
  byte: NativeValue;
  max: NativeValue;
  errorsReturn: NativeValue;
  inPlace: bigint;
  ignoreStatus: bigint;
  anySource: number;
  requestBytes: number;
}

/**
 * In Open MPI handles are the addresses of exported variables; in MPICH, and all that follow it, integers.
 */
function constantsOf(library: NativeLibrary): Constants {
  const world = library.addressOf("ompi_mpi_comm_world");
  if (world === null) {
    return {
      kind: "MPICH",
      handle: "int",
      world: 0x44000000,
      int: 0x4c000405,
      byte: 0x4c00010d,
      max: 0x58000001,
      errorsReturn: 0x54000001,
      inPlace: BigInt.asUintN(64, -1n),
      ignoreStatus: 1n,
      anySource: -2,
      requestBytes: 4,
    };
  }
  return {
    kind: "Open MPI",
    handle: "void *",
    world,
    int: library.addressOf("ompi_mpi_int"),
    byte: library.addressOf("ompi_mpi_byte"),
    max: library.addressOf("ompi_mpi_op_max"),
    errorsReturn: library.addressOf("ompi_mpi_errors_return"),
    inPlace: 1n,
    ignoreStatus: 0n,
    anySource: -1,
    requestBytes: 8,
  };
}

/** The functions that are called, and the types of their arguments: `h` stands for a handle. */
const SIGNATURES = {
  Abort: "h int",
  Allgather: "p int h p int h h",
  Allgatherv: "p int h p p p h h",
  Alltoallv: "p p p h p p p h h",
  Bcast: "p int h int h",
  Comm_dup: "h p",
  Comm_rank: "h p",
  Comm_set_errhandler: "h h",
  Comm_size: "h p",
  Error_string: "int p p",
  Finalize: "",
  Get_library_version: "p p",
  Iallreduce: "p p int h h h p",
  Ibarrier: "h p",
  Init_thread: "p p int p",
  Initialized: "p",
  Iprobe: "int int h p p",
  Isend: "p int h int int h p",
  Recv: "p int h int int h p",
  Sendrecv: "p int h int int p int h int int h p",
  Test: "p p p",
};

export type MpiName = keyof typeof SIGNATURES;

/** An MPI library whose functions throw errors. */
export class Mpi {
  readonly constants: Constants;
  readonly #functions: Record<MpiName, NativeFunction>;

  constructor(library: NativeLibrary) {
    this.constants = constantsOf(library);
    const types: Record<string, NativeType> = { h: this.constants.handle, p: "void *", int: "int" };
    const functions = Object.entries(SIGNATURES).map(([name, signature]) => {
      const args = signature === "" ? [] : signature.split(" ").map((letter) => types[letter]);
      return [name, library.func(`MPI_${name}`, args)];
    });
    this.#functions = Object.fromEntries(functions);
  }

  /** @throws DistributedError with MPI's own words. */
  call(name: MpiName, ...args: NativeValue[]): void {
    const code = this.#functions[name](...args);
    if (code === 0) return;
    const text = this.#text((bytes, length) => this.#functions.Error_string(code, bytes, length));
    throw new DistributedError(`MPI_${name}: ${text}`);
  }

  /** Calls a function whose last argument is an integer that it writes. */
  read(name: MpiName, ...args: NativeValue[]): number {
    const result = new Int32Array(1);
    this.call(name, ...args, result);
    return result[0];
  }

  /** A group of all ranks whose messages do not mix with those of others. */
  duplicateWorld(): NativeValue {
    const { handle, world } = this.constants;
    const bytes = new Uint8Array(8);
    this.call("Comm_dup", world, bytes);
    const view = new DataView(bytes.buffer);
    return handle === "int" ? view.getInt32(0, true) : view.getBigUint64(0, true);
  }

  /** The library's name and version: "Open MPI v4.1.4", "MPICH 4.0.2". */
  get version(): string {
    return this.#description.split(/[\n,]/)[0].replace(/ Version:\s*/, " ");
  }

  /** Whether it is an MPICH whose messages between hosts go through UCX. */
  get isMpichOverUcx(): boolean {
    return /^MPICH\b.*\bch4:ucx\b/s.test(this.#description);
  }

  get #description(): string {
    return this.#text((bytes, length) => this.call("Get_library_version", bytes, length));
  }

  #text(fill: (bytes: Uint8Array, length: Int32Array) => unknown): string {
    const bytes = new Uint8Array(16384); // MPI_MAX_LIBRARY_VERSION_STRING is 8192 in MPICH
    const length = new Int32Array(1);
    fill(bytes, length);
    return new TextDecoder().decode(bytes.subarray(0, length[0])).replace(/\0/g, "").trim();
  }

  /** Joins the other processes of the job. Returns this process' place among them. */
  init(launcher: Launcher): { rank: number; worldSize: number } {
    const { world, errorsReturn } = this.constants;
    if (!this.read("Initialized")) this.read("Init_thread", null, null, THREAD_FUNNELED);
    this.call("Comm_set_errhandler", world, errorsReturn);
    const place = { rank: this.read("Comm_rank", world), worldSize: this.read("Comm_size", world) };
    checkWorldSize(launcher, place.worldSize, this.version);
    return place;
  }
}

/**
 * Notices a library that does not belong to the launcher: each process then takes itself for the only one.
 */
export function checkWorldSize(launcher: Launcher, worldSize: number, library: string): void {
  const { name, processes } = launcher;
  if (processes === 0 || processes === worldSize) return;
  throw new DistributedError(
    `initProcessGroup: ${name} started ${processes} processes, but ${library} sees ${worldSize}: the launcher and the library are of different MPIs. Use that library's launcher, or set WASMGRAD_MPI to the path of the launcher's library`,
  );
}

/**
 * Loads the MPI library: the file that the environment variable `WASMGRAD_MPI` names, or the library that
 * belongs to the launcher.
 *
 * @throws DistributedError when there is none.
 */
export function openMpi({ name, kind }: Launcher, chosen: string | undefined): Mpi {
  // UCX, which carries MPICH's messages, patches the C library's functions of memory while V8's threads use
  // them. Without this variable, one job in ten ended by a segmentation fault in Node.
  process.env.UCX_MEM_EVENTS ??= "n";
  const other = kind === "MPICH" ? "Open MPI" : "MPICH";
  const reasons: string[] = [];
  const library = loadLibrary(chosen ? [chosen] : [...FILES[kind], ...FILES[other]], reasons);
  if (library) return new Mpi(library);
  const packages = kind === "MPICH" ? "libmpich12 (MPICH)" : "libopenmpi3 (Open MPI)";
  const advice = chosen
    ? `WASMGRAD_MPI is ${chosen}, which cannot be loaded`
    : `${name} started this process, but no MPI library was found. Install it: on Debian and Ubuntu the package ${packages}`;
  throw new DistributedError(`initProcessGroup: ${advice} (${reasons[0]})`);
}
