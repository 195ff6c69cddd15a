/** What a program prints and writes: lines, pictures, and files to save. */
import { h } from "../lib/elements.ts";
import type { LineKind } from "./messages.ts";

/** The page keeps so many lines; older ones are dropped. */
const MOST_LINES = 2000;

const isPNG = (bytes: Uint8Array) => bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e;

const sizeText = (bytes: number) =>
  bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

export interface Output {
  readonly element: HTMLElement;
  print(kind: LineKind, text: string): void;
  /** Shows a file. A picture is shown as one, others as a link. */
  file(name: string, bytes: Uint8Array<ArrayBuffer>): void;
  removeFile(name: string): void;
  clear(): void;
  dispose(): void;
}

export function createOutput(): Output {
  const lines = h("div", { class: "playground-lines", role: "log", tabIndex: 0, aria: { label: "Output" } });
  const pictures = h("div", { class: "playground-pictures" });
  const files = h("ul", { class: "playground-files" });
  const filesTitle = h("p", { class: "playground-title", hidden: true }, "Files");
  const element = h("div", { class: "playground-output" }, lines, pictures, filesTitle, files);
  const shown = new Map<string, { element: HTMLElement; address: string }>();
  let waiting: HTMLElement[] = [];
  let frame = 0;

  function draw(): void {
    frame = 0;
    const follows = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 20;
    lines.append(...waiting.slice(-MOST_LINES));
    waiting = [];
    while (lines.childElementCount > MOST_LINES) lines.firstElementChild?.remove();
    if (follows) lines.scrollTop = lines.scrollHeight;
  }

  function removeFile(name: string): void {
    const file = shown.get(name);
    if (!file) return;
    URL.revokeObjectURL(file.address);
    file.element.remove();
    shown.delete(name);
    filesTitle.hidden = files.childElementCount === 0;
  }

  function clear(): void {
    if (frame) cancelAnimationFrame(frame);
    frame = 0;
    waiting = [];
    lines.replaceChildren();
    for (const name of [...shown.keys()]) removeFile(name);
  }

  return {
    element,
    print(kind, text) {
      waiting.push(h("div", { class: `playground-${kind}` }, text === "" ? "\n" : text));
      frame ||= requestAnimationFrame(draw);
    },
    file(name, bytes) {
      const image = isPNG(bytes);
      const address = URL.createObjectURL(new Blob([bytes], image ? { type: "image/png" } : {}));
      const anchor = h("a", { href: address, download: name.split("/").at(-1) }, name);
      const made = image
        ? h("figure", {}, h("img", { src: address, alt: `The picture ${name}` }), h("figcaption", {}, anchor))
        : h("li", {}, anchor, ` ${sizeText(bytes.length)}`);
      const before = shown.get(name);
      if (before) {
        URL.revokeObjectURL(before.address);
        before.element.replaceWith(made);
      } else (image ? pictures : files).append(made);
      shown.set(name, { element: made, address });
      filesTitle.hidden = files.childElementCount === 0;
    },
    removeFile,
    clear,
    dispose: clear,
  };
}
