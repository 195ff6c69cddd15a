/** A page that runs the probe where its address says: ?shared, ?service, or in a frame: ?frame, ?other … */
import { report } from "./report.ts";

/** The same server by its other name is another origin. */
const { port, hostname, search } = location;
const other = `http://${hostname === "localhost" ? "127.0.0.1" : "localhost"}:${port}/frame.html`;

function showFrame(src: string, attributes: Record<string, string> = {}): void {
  addEventListener("message", ({ data }) => report(data));
  const frame = document.createElement("iframe");
  for (const [name, value] of Object.entries(attributes)) frame.setAttribute(name, value);
  frame.src = src;
  document.body.append(frame);
}

async function askServiceWorker(): Promise<void> {
  navigator.serviceWorker.addEventListener("message", ({ data }) => report(data));
  await navigator.serviceWorker.register("service_worker.js", { type: "module" });
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage("probe");
}

function askSharedWorker(): void {
  const worker = new SharedWorker(new URL("./shared_worker.js", import.meta.url), { type: "module" });
  worker.port.onmessage = ({ data }) => report(data);
  worker.onerror = () => report({ error: "the shared worker did not start" });
}

if (search === "?service") {
  askServiceWorker().catch((error) => report({ error: String(error) }));
} else if (search === "?shared") askSharedWorker();
else if (search === "?frame") showFrame("frame.html");
else if (search === "?sandbox") showFrame("frame.html", { sandbox: "allow-scripts" });
else if (search === "?other") showFrame(other);
else if (search === "?other&allowed") showFrame(other, { allow: "cross-origin-isolated" });
