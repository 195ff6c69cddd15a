/** Runs the probe in the page, with ?worker in a module worker. */
import { probe } from "./probe.ts";
import { report } from "./report.ts";

if (location.search === "?worker") {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => report(data);
  worker.onerror = (event) => report({ error: `the worker: ${event.message}` });
} else {
  probe().then(report);
}
