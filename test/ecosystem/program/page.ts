/** Runs the probe in the page, with ?worker in a module worker, with ?task by wasmgrad/worker. */
import { ask } from "./ask.ts";
import { probe } from "./probe.ts";
import { report } from "./report.ts";

if (location.search === "?worker") {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => report(data);
  worker.onerror = (event) => report({ error: `the worker: ${event.message}` });
} else if (location.search === "?task") {
  ask(new Worker(new URL("./task.ts", import.meta.url), { type: "module" })).then(report);
} else {
  probe().then(report);
}
