/** What the page and the worker of a run tell each other. */

/** A program, as the page sends it to a new worker. */
export interface RunRequest {
  /** The path of the program in the repository, such as "examples/01_tensor.ts". */
  readonly file: string;
  readonly source: string;
  readonly args: readonly string[];
  /** The repository's files that a program may read: their paths and addresses. */
  readonly data: Readonly<Record<string, string>>;
}

export type LineKind = "log" | "warn" | "error";

export type RunMessage =
  | { readonly type: "lines"; readonly lines: readonly { readonly kind: LineKind; readonly text: string }[] }
  /** A file was written, or a picture was printed. */
  | { readonly type: "file"; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "removed"; readonly name: string }
  /** The program has ended; with the line of the editor where an error occurred. */
  | { readonly type: "end"; readonly failed: boolean; readonly line?: number; readonly column?: number };
