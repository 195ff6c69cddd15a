/** Files that come to the page and leave it. */
import { h } from "../lib/elements.ts";

/** Opens the browser's dialogue for files. */
export function pickFiles(accept: string, multiple: boolean): Promise<File[]> {
  return new Promise((resolve) => {
    const input = h("input", { type: "file", accept, multiple });
    input.addEventListener("change", () => resolve([...(input.files ?? [])]));
    input.addEventListener("cancel", () => resolve([]));
    input.click();
  });
}

/** The files that were dropped. */
export function filesOf({ dataTransfer }: DragEvent): File[] {
  return [...(dataTransfer?.files ?? [])];
}

/** Gives a file to the visitor's downloads. */
export function download(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
