/**
 * Which Markdown files of the repository are pages of the site, and where. The files stay readable on a code
 * host: the links between them are paths of files, which the site turns into addresses of pages.
 */
import { execFileSync } from "node:child_process";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

function gitFiles(): string[] {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  return list.split("\n").filter((file) => file !== "");
}

/** The repository's files, without those that git ignores. */
export const files: ReadonlySet<string> = new Set(gitFiles());

const NO_PAGES = /^(\.github|test\/fixtures)\//;

/** Whether a file of the repository is a page. */
export function isPage(file: string): boolean {
  return file.endsWith(".md") && !NO_PAGES.test(file);
}

/** The path of a page's file below the site's root: a README is the index of its folder, the home page that of all. */
export function sitePath(file: string): string {
  if (file === "docs/home.md") return "index.md";
  if (file === "README.md") return "overview.md";
  if (file === "docs/README.md") return "docs/index.md";
  return file.replace(/(^|\/)README\.md$/, "$1index.md");
}

/** Files of programs that have a page of their own, which shows their text. */
export function hasSourcePage(file: string): boolean {
  const isText = /\.(ts|mts|mjs|js|json|py|sh|sbatch|yaml)$|\/Dockerfile$/.test(file);
  return isText && files.has(file) && !/lock\.json$|^test\/fixtures\//.test(file);
}

/** The address of the page that shows a file's text. */
export function sourceAddress(file: string): string {
  return `/source/${file}`;
}

/**
 * The address, below the site's root, of what a link in a page points to. Undefined for links that stay as they
 * are: to other sites, to pictures, within the page.
 */
export function addressOf(link: string, page: string): string | undefined {
  if (/^([a-z]+:|#|\/)/.test(link)) return undefined;
  const [path, hash] = link.split("#", 2);
  const file = posix.normalize(posix.join(posix.dirname(page), decodeURIComponent(path))).replace(/\/$/, "");
  const anchor = hash === undefined ? "" : `#${hash}`;
  if (file.endsWith(".md") && files.has(file)) {
    if (!isPage(file)) return undefined;
    return `/${sitePath(file)
      .replace(/(^|\/)index\.md$/, "$1")
      .replace(/\.md$/, "")}${anchor}`;
  }
  if (files.has(`${file}/README.md`) && isPage(`${file}/README.md`)) return `/${file}/`;
  if (hasSourcePage(file)) return sourceAddress(file) + anchor;
  return undefined;
}
