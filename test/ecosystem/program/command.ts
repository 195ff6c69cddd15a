/** A program of Node, Deno or Bun: prints its answer. */
import { probe } from "./probe.ts";

probe().then((answer) => console.log(JSON.stringify(answer)));
