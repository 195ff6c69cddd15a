/** The examples of examples/autograd give PyTorch's losses from the same weights and data. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { trainMaml } from "../../../examples/autograd/maml.ts";
import { trainPinn } from "../../../examples/autograd/pinn.ts";
import { trainWganGp } from "../../../examples/autograd/wgan_gp.ts";
import { expectClose } from "../../support/compare.ts";
import { root } from "../../support/source.ts";

/** Written by test/fixtures/autograd/gen.py. */
const losses = JSON.parse(readFileSync(join(root, "test/fixtures/autograd/losses.json"), "utf8"));

test("WGAN-GP: losses of critic and generator", () => {
  expectClose("losses", trainWganGp(10).flat(), losses.wganGp.flat(), 1e-4);
});

test("a physics-informed network: losses, and it learns the solution", () => {
  expectClose("losses", trainPinn(10).losses, losses.pinn, 1e-4);
  const { losses: all, error } = trainPinn(300);
  expect(all[299]).toBeLessThan(1e-2);
  expect(error).toBeLessThan(0.1);
});

test("MAML: losses", () => {
  expectClose("losses", trainMaml(10), losses.maml, 1e-4);
});
