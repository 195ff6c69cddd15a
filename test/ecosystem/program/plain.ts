/** A page that runs the probe. */
import { probe } from "./probe.ts";
import { report } from "./report.ts";

probe().then(report);
