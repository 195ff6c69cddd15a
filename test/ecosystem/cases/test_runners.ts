/** Test runners. */
import type { Case } from "../case.ts";
import { modules } from "../program.ts";

/** A test that prints the probe's answer. */
const test = (imports: string) => `${imports}import { probe } from "./probe.js";
test("probe", async () => {
  process.stdout.write("\\n" + JSON.stringify(await probe()) + "\\n");
}, 60_000);
`;

const jest: Pick<Case, "title" | "tool" | "dependencies" | "files"> = {
  title: "Jest",
  tool: "jest",
  dependencies: { jest: "30.5.2" },
  files: { ...modules("", "probe"), "probe.test.js": test("") },
};

export const TEST_RUNNERS: Case[] = [
  {
    name: "vitest",
    title: "Vitest",
    tool: "vitest",
    node: "24",
    dependencies: { vitest: "5.1.2" },
    files: { ...modules("", "probe"), "probe.test.js": test('import { test } from "vitest";\n') },
    runs: (["forks", "threads", "vmThreads"] as const).map((pool) => ({
      what: `pool \`${pool}\``,
      command: `vitest run --pool ${pool}`,
      expect: { threads: 2 },
    })),
  },
  {
    ...jest,
    name: "jest",
    runs: [
      {
        what: "with Node's `--experimental-vm-modules`",
        command: "node --experimental-vm-modules node_modules/jest/bin/jest.js",
        expect: { threads: 2 },
        needs: "`node --experimental-vm-modules node_modules/jest/bin/jest.js`",
      },
      { what: "without", command: "jest", expect: { error: /Must use import to load ES Module/ } },
    ],
  },
];
