/** A page for each file of program text that a page links to, and for all kernels. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import MarkdownIt from "markdown-it";
import { addressOf, files, hasSourcePage, isPage, root } from "../.vitepress/pages.ts";

function linkedFiles(): Set<string> {
  const md = new MarkdownIt();
  const linked = new Set<string>();
  for (const page of files) {
    if (!isPage(page)) continue;
    for (const token of md.parse(readFileSync(join(root, page), "utf8"), {})) {
      for (const child of token.children ?? []) {
        const address = child.type === "link_open" ? addressOf(child.attrGet("href") ?? "", page) : undefined;
        if (address?.startsWith("/source/")) linked.add(address.slice("/source/".length).replace(/#.*/, ""));
      }
    }
  }
  return linked;
}

const FENCE = "`".repeat(8);

function content(file: string): string {
  const text = readFileSync(join(root, file), "utf8").trimEnd();
  const language = /[^./]+$/.exec(file)![0].toLowerCase();
  return `# ${file}\n\n${FENCE}${language}:line-numbers\n${text}\n${FENCE}\n`;
}

export default {
  paths() {
    const kernels = [...files].filter((file) => file.startsWith("assembly/") && hasSourcePage(file));
    return [...new Set([...linkedFiles(), ...kernels])].map((file) => ({ params: { file }, content: content(file) }));
  },
};
