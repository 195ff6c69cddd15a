/** What the main thread gives to the worker that compiles in the background. */
export interface CompileOrder {
  /** The bytes of the wide build. */
  bytes: Uint8Array;
  /** The narrow build, compiled. */
  narrow: object;
  /** One word: a value of COMPILE_STATE. */
  state: Int32Array;
  /** The lock of V8's flags: see flag_lock.ts. */
  lock: Int32Array;
  /** Receives the compiled module, or the text that says why there is none. */
  port: import("node:worker_threads").MessagePort;
}

export const COMPILE_STATE = { running: 0, ready: 1, failed: 2 } as const;
