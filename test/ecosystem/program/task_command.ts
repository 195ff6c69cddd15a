/** A program of Node, Deno or Bun whose worker trains by wasmgrad/worker. */
import { Worker } from "node:worker_threads";
import { ask } from "./ask.ts";

ask(new Worker(new URL("./task.ts", import.meta.url))).then((answer) => console.log(JSON.stringify(answer)));
