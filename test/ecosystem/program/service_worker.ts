/** A service worker that runs the probe for each page that sends a message. */
import { probe } from "./probe.ts";

addEventListener("message", (event) => {
  const { source } = event as MessageEvent;
  probe().then((answer) => source?.postMessage(answer));
});
