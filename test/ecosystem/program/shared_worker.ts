/** A shared worker that runs the probe for each page that connects. */
import { probe } from "./probe.ts";

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  probe().then((answer) => port.postMessage(answer));
});
