/** stress_training.mjs in Node, Deno and Bun. usage: node scripts/stress.mjs [runs] [threads] */
import { failures, stress, summary } from "./stress_training.mjs";

const result = await stress(Number(process.argv[2] ?? 100), Number(process.argv[3] ?? 4));
console.log(summary(result));
process.exit(result.wrong + failures(result.errors) > 0 ? 1 : 0);
