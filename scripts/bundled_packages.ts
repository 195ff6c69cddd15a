/**
 * Packages that are bundled into dist, so that the library has no dependencies: a page without a bundler
 * needs no other entries in its import map, and an installation has no files that it does not use.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Constants that packages test for: with this one, papaparse has no streams of Node. */
export const DEFINITIONS: Record<string, string> = { PAPA_BROWSER_CONTEXT: "true" };

/** The names of the packages that modules belong to. */
function packagesOf(modules: Iterable<string>): string[] {
  const names = Array.from(
    modules,
    (id) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id.replaceAll("\\", "/"))?.[1],
  );
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

/** The licences of the packages that modules belong to, as a document. */
export function licencesOf(modules: Iterable<string>): string {
  const texts = packagesOf(modules).map((name) => {
    const folder = join("node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
      string,
      string
    >;
    const file = readdirSync(folder).find((each) => /^license/i.test(each));
    const text = file && existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8").trim() : license;
    return `## ${name} ${version}\n\n${text}\n`;
  });
  return `# Packages bundled into the library\n\n${texts.join("\n")}`;
}
