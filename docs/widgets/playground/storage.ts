/** What the browser keeps of the playground: the edits of each program, and which one was open. */

export interface Saved {
  chosen?: string;
  /** Texts that differ from the repository's, by the entry of the list. */
  edits: Record<string, string>;
  args: Record<string, string>;
  /** The last program that came with a link. */
  shared?: { file: string; source: string };
}

const KEY = "wasmgrad-playground";

export function readSaved(): Saved {
  try {
    const { chosen, edits, args, shared } = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Saved>;
    return { chosen, edits: { ...edits }, args: { ...args }, shared };
  } catch {
    return { edits: {}, args: {} }; // the storage is refused, or what it has is not ours
  }
}

/** Returns false where the browser refuses to store. */
export function writeSaved(saved: Saved): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify(saved));
    return true;
  } catch {
    return false;
  }
}
