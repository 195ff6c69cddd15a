/** What the site adds to Markdown: links to files of the repository, and widgets. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MarkdownRenderer } from "vitepress";
import { addressOf, root } from "./pages.ts";

const WIDGET = /^<!-- widget: ([\w-]+)(?: ([\w -]+))? -->\s*$/;

function widgetTag(name: string, argument: string | undefined, page: string): string {
  const folder = join(root, "docs/widgets");
  if (!existsSync(join(folder, name, "index.ts"))) throw new Error(`${page}: no widget "${name}" in docs/widgets`);
  return `<Widget name="${name}" argument="${argument ?? ""}" />\n`;
}

/** The file of a page, from the environment that VitePress gives to a rule. */
function pageOf(env: { relativePath?: string; realPath?: string; path?: string }): string {
  const path = env.realPath ?? env.path ?? env.relativePath ?? "";
  return path.startsWith(root) ? path.slice(root.length + 1) : path;
}

/**
 * Turns links to files into addresses of the site, and `<!-- widget: name argument -->` into the widget. An empty
 * heading of a column, which has nothing to say, becomes an ordinary cell. Code that scrolls can be reached with the
 * keyboard.
 */
export function repositoryMarkdown(md: MarkdownRenderer): void {
  md.core.ruler.push("repository_links", (state) => {
    const page = pageOf(state.env);
    for (const token of state.tokens) {
      if (token.type === "html_block") {
        const widget = WIDGET.exec(token.content);
        if (widget) token.content = widgetTag(widget[1], widget[2], page);
      }
      for (const child of token.children ?? []) {
        if (child.type !== "link_open") continue;
        const address = addressOf(child.attrGet("href") ?? "", page);
        if (address !== undefined) child.attrSet("href", address);
      }
    }
  });
  md.core.ruler.push("accessible", ({ tokens }) => {
    for (const [i, token] of tokens.entries()) {
      if (token.type === "th_open" && tokens[i + 1].content === "") token.tag = tokens[i + 2].tag = "td";
      if (token.type === "code_block") token.attrSet("tabindex", "0");
    }
  });
}
