/** A dedicated worker that runs the probe. */
import { probe } from "./probe.ts";

probe().then((answer) => postMessage(answer));
