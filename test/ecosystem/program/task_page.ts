/** Runs the probe by wasmgrad/worker. */
import { ask } from "./ask.ts";
import { report } from "./report.ts";

ask(new Worker(new URL("./task.ts", import.meta.url), { type: "module" })).then(report);
