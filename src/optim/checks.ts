import { checkNumber } from "../checks.ts";
import { OptionError } from "../errors.ts";

/** Checks the coefficient of a running mean. */
export function checkFraction(op: string, name: string, value: unknown): void {
  checkNumber(op, name, value, 0, 1);
  if (value === 1) throw new OptionError(`${op}: ${name} expected a number in [0, 1), got 1`);
}

/** Checks the coefficients of the running means of Adam. */
export function checkBetas(op: string, betas: readonly number[]): void {
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new OptionError(`${op}: betas expected two numbers, got ${JSON.stringify(betas)}`);
  }
  for (const [i, beta] of betas.entries()) checkFraction(op, `betas[${i}]`, beta);
}
