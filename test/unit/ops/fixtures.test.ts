/**
 * PyTorch's numbers: every file of test/fixtures and test/fixtures/more, forward and with every gradient,
 * trajectories of optimizers, and ten steps of the inpainting autoencoder. WASMGRAD_FIXTURES names another
 * folder of files made by the same generator.
 */
import { describe, test } from "vitest";
import { checkFixture } from "../../support/check_fixture.ts";
import { fixtureFolders, readFixtures } from "../../support/fixture.ts";

describe.each(fixtureFolders())("%s", (folder) => {
  for (const [name, fixture] of readFixtures(folder)) test(name, () => checkFixture(fixture));
});
