import type { Answer } from "./probe.ts";

/** Hands a page's answer to the test: as a global variable, and by a request where the page asks for it. */
export function report(answer: Answer): void {
  Object.assign(globalThis, { answer });
  const path = document.documentElement.dataset.answer;
  if (path) void fetch(path, { method: "POST", body: JSON.stringify(answer) });
}
