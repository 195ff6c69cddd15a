/** A case is data: a small project, how it is built, and what its runs must answer. */
import type { BrowserName } from "../product/browser/browsers.ts";

/** The same bits as in Node with so many threads (`but` in some browsers), or an error that matches. */
export type Expectation = { threads: 1 | 2; but?: Partial<Record<BrowserName, 1 | 2>> } | { error: RegExp };

/** The error of an engine that does not compile WebAssembly. */
export const REFUSED = /KernelsError: kernels: expected leave to compile WebAssembly, the engine refuses it/;

/** Where a run happens. Paths of pages and answers are relative to the case's server or folder. */
type Place =
  /** A command whose last line of output is the answer, or whose output is the error. */
  | { command: string }
  /** A page, with headers if it comes from a folder. Default of `browsers`: Chromium. */
  | { page: string; headers?: Record<string, string>; browsers?: readonly BrowserName[] }
  /** A request to the case's server, whose body is the answer. */
  | { request: string }
  /** A page of the folder, loaded as an extension of Chromium. */
  | { extension: string };

export type Run = Place & {
  /** As in the table: "page, isolated". */
  what: string;
  expect: Expectation;
  /** What the user must do for it, if not what the case says. */
  needs?: string;
};

export interface Case {
  name: string;
  /** As in the table; the version is added. */
  title: string;
  /** The package whose version stands in the table; "node" stands for the Node that runs the commands. */
  tool: string;
  /** Exact versions; the packed library is added. */
  dependencies?: Record<string, string>;
  /** Paths in the project, and texts. */
  files: Record<string, string>;
  /** Default: true. */
  isModule?: boolean;
  /** Version of Node for the commands. Default: the one that runs the tests. */
  node?: string;
  build?: string[];
  /** A command that runs until it is ended, with a port in the variable PORT. */
  server?: string;
  /** The folder of the pages. Default: the project. */
  folder?: string;
  runs: Run[];
  /** What the user must do, as Markdown. Default: nothing. */
  needs?: string;
  /** Part of `--ci`. */
  isQuick?: boolean;
}
