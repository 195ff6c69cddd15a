/** Runs one program. The page starts a worker for each run, and ends it. */
import { inspect } from "node-inspect-extracted";
import type * as Plot from "wasmgrad/plot";
import { replaceConsole } from "./console.ts";
import { makeMachine } from "./machine.ts";
import type { RunMessage, RunRequest } from "./messages.ts";
import { Modules } from "./modules.ts";

/** An error's stack should reach from the library's inner functions to the program's line. */
Object.assign(Error, { stackTraceLimit: 100 });

const post = (message: RunMessage) => postMessage(message);

async function run({ file, source, args, data }: RunRequest): Promise<void> {
  const name = file.split("/").at(-1) ?? file;
  const { process, modules: node } = makeMachine(["node", `/${file}`, ...args], data, {
    written(path, bytes) {
      if (!path.endsWith(".tmp")) post({ type: "file", name: path.slice(1), bytes });
    },
    removed(path) {
      if (!path.endsWith(".tmp")) post({ type: "removed", name: path.slice(1) });
    },
  });
  Object.assign(globalThis, { process });
  const modules = new Modules(node);

  const plot = () =>
    (modules.entries["wasmgrad/plot"] ?? modules.entries["wasmgrad/vision"]) as typeof Plot | undefined;
  let pictures = 0;
  const flush = replaceConsole(
    post,
    (value) => plot() !== undefined && value instanceof plot()!.Picture,
    (value) => {
      const bytes = plot()!.encodePNG(value as Plot.Picture) as Uint8Array<ArrayBuffer>;
      post({ type: "file", name: `picture ${++pictures}`, bytes });
    },
  );

  /** The file and the line of an address in a stack, where the program's own modules stand. */
  const AT = /blob:[^\s()]*?[\w-]{36}(?=:\d+)/g;
  const readable = (text: string) =>
    text
      .replaceAll(AT, (address) => modules.files.get(address)?.split("/").at(-1) ?? "a module")
      .replaceAll(new RegExp(`${self.location.origin}/[^\\s()]*/`, "g"), "");

  function fail(error: unknown): void {
    flush();
    const wrong = error as { name?: string; file?: string; line?: number; column?: number; stack?: string };
    if (wrong?.name === "SyntaxError" && wrong.file !== undefined) {
      const where = `${wrong.file.split("/").at(-1)}:${wrong.line}`;
      post({ type: "lines", lines: [{ kind: "error", text: `${where}: ${(error as Error).message}` }] });
      post({ type: "end", failed: true, ...(wrong.file === file && { line: wrong.line, column: wrong.column }) });
      return;
    }
    const stack = readable(wrong?.stack ?? "");
    const own = stack.split("\n").filter((line) => /(^|[\s(@/])[\w-]+\.ts:\d+/.test(line) && line.includes(".ts:"));
    const at = own.map((line) => /([\w-]+\.ts):(\d+)(?::(\d+))?/.exec(line)).filter((match) => match !== null);
    const words = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
    const lines = at.map(([, inFile, line]) => `    at ${inFile}:${line}`);
    post({ type: "lines", lines: [{ kind: "error", text: [`Uncaught ${words}`, ...lines].join("\n") }] });
    const here = at.find(([, inFile]) => inFile === name);
    post({ type: "end", failed: true, ...(here && { line: Number(here[2]) }) });
  }

  self.addEventListener("error", (event) => {
    event.preventDefault();
    fail(event.error ?? event.message);
  });
  self.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  try {
    await import(/* @vite-ignore */ await modules.program(file, source));
    flush();
    post({ type: "end", failed: false });
  } catch (error) {
    fail(error);
  }
}

self.onmessage = ({ data }: MessageEvent<RunRequest>) => {
  self.onmessage = null; // the library's own messages are not for us
  void run(data);
};
