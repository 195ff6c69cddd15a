/** A page in a frame that runs the probe. */
import { probe } from "./probe.ts";

probe().then((answer) => parent.postMessage(answer, "*"));
