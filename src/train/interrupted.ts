import type { StopSignal } from "../distributed/stop_signals.ts";
import { WasmgradError } from "../errors.ts";
import { builtin } from "../runtime/node_module.ts";

/**
 * Thrown by `Run.train` when a signal stopped it. The completed steps are saved.
 *
 * What to do: run the same command again, which continues. A program ends by
 * `process.exit(error.exitCode)`.
 */
export class Interrupted extends WasmgradError {
  override name = "Interrupted";
  readonly signal: StopSignal;

  constructor(signal: StopSignal, folder: string) {
    super(`stopped by ${signal}; the same command resumes the run in ${folder}`);
    this.signal = signal;
  }

  /** The exit code that shells report for a process ended by this signal: 128 plus the signal's number. */
  get exitCode(): number {
    return 128 + builtin("node:os").constants.signals[this.signal];
  }
}
