/** The playground: an editor, a worker that runs its program, and what the program prints and writes. */
import { h } from "../lib/elements.ts";
import { canIsolate, isolate } from "../lib/isolation.ts";
import { createEditor } from "./editor.ts";
import type { RunMessage, RunRequest } from "./messages.ts";
import { createOutput } from "./output.ts";
import { dataFiles, loadSource, type Program, programs } from "./programs.ts";
import { fromHash, toHash } from "./share.ts";
import { readSaved, writeSaved } from "./storage.ts";
import "./playground.css";

/** The entry of the list for a program that came with a link. */
const SHARED = "shared";

type State = "loading" | "ready" | "running" | "done" | "failed" | "stopped";

function programList(): HTMLSelectElement {
  const groups = [...new Set(programs.map(({ group }) => group))];
  const option = ({ file, title }: Program) => h("option", { value: file }, title);
  return h(
    "select",
    { aria: { label: "Program" } },
    ...groups.map((group) =>
      h("optgroup", { label: group }, ...programs.filter((program) => program.group === group).map(option)),
    ),
  );
}

export function mount(root: HTMLElement): () => void {
  const saved = readSaved();
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  const select = programList();
  const args = h("input", { type: "text", placeholder: "--epochs 1", spellcheck: false, autocomplete: "off" });
  const runButton = h("button", { class: "primary", onclick: run, title: isMac ? "⌘ Enter" : "Ctrl Enter" }, "Run");
  const stopButton = h("button", { onclick: () => stop("stopped"), disabled: true }, "Stop");
  const resetButton = h("button", { onclick: reset, title: "Back to the text of the repository" }, "Reset");
  const threadsButton = h(
    "button",
    { onclick: useThreads, title: "Programs use one thread. This loads the page again." },
    "Use all cores",
  );
  const status = h("span", { class: "playground-status", role: "status" });
  const link = h("input", { type: "text", readOnly: true, hidden: true, aria: { label: "Link to this program" } });
  const editorPlace = h("div", { class: "playground-editor" });
  const output = createOutput();
  root.classList.add("playground");
  root.append(
    h(
      "div",
      { class: "playground-bar" },
      select,
      h("label", {}, "Arguments ", args),
      runButton,
      stopButton,
      resetButton,
      h("button", { onclick: share }, "Share"),
      canIsolate() ? threadsButton : null,
      status,
    ),
    link,
    h("div", { class: "playground-panes" }, editorPlace, output.element),
  );
  const editor = createEditor(editorPlace, { run, change: changed });

  let worker: Worker | undefined;
  let started = 0;
  /** The text that Reset brings back. */
  let original = "";
  let left = false;

  const slot = () => select.value;
  const file = () => (slot() === SHARED ? saved.shared!.file : slot());

  function show(state: State, words: string): void {
    root.dataset.state = state;
    status.textContent = words;
    runButton.disabled = state === "running" || state === "loading";
    stopButton.disabled = state !== "running";
  }

  function keep(): void {
    if (!writeSaved(saved)) status.textContent = "The browser does not store the edits of this page.";
  }

  function changed(): void {
    const text = editor.text;
    link.hidden = true;
    if (text === original) delete saved.edits[slot()];
    else saved.edits[slot()] = text;
    resetButton.disabled = text === original;
    keep();
  }

  /** Shows the program that the list has chosen. */
  async function open(): Promise<void> {
    const chosen = slot();
    stop("loading");
    const text = chosen === SHARED ? saved.shared!.source : await loadSource(chosen);
    if (left || slot() !== chosen) return;
    original = text;
    editor.text = saved.edits[chosen] ?? text;
    args.value = saved.args[chosen] ?? "";
    resetButton.disabled = editor.text === original;
    saved.chosen = chosen;
    link.hidden = true;
    output.clear();
    show("ready", "");
    keep();
  }

  function listShared(): void {
    if (!saved.shared || select.namedItem(SHARED)) return;
    select.prepend(h("option", { value: SHARED, id: SHARED }, "From a link"));
  }

  /** Takes the program of the page's address, if it has one. */
  async function openAddress(): Promise<boolean> {
    const shared = await fromHash(location.hash);
    if (!shared) return false;
    history.replaceState(history.state, "", location.pathname + location.search);
    const known = programs.some((program) => program.file === shared.file);
    if (shared.source === undefined && !known) throw new Error(`The link's program ${shared.file} is not listed here.`);
    if (shared.source !== undefined) {
      saved.shared = { file: shared.file, source: shared.source };
      delete saved.edits[SHARED];
      listShared();
    }
    const chosen = shared.source === undefined ? shared.file : SHARED;
    if (shared.source === undefined) delete saved.edits[chosen];
    saved.args[chosen] = shared.args ?? "";
    select.value = chosen;
    await open();
    return true;
  }

  async function begin(): Promise<void> {
    listShared();
    try {
      if (await openAddress()) return;
    } catch (error) {
      await openSaved();
      output.print("error", (error as Error).message);
      return;
    }
    await openSaved();
  }

  async function openSaved(): Promise<void> {
    const known = [...select.options].some(({ value }) => value === saved.chosen);
    select.value = known ? saved.chosen! : programs[0].file;
    await open();
  }

  function run(): void {
    if (runButton.disabled) return;
    worker?.terminate();
    output.clear();
    editor.mark(null);
    show("running", "Running …");
    started = performance.now();
    worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "program" });
    worker.onmessage = ({ data }: MessageEvent<RunMessage>) => receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      output.print("error", event.message || "The worker of the program could not be started.");
      stop("failed");
    };
    const request: RunRequest = {
      file: file(),
      source: editor.text,
      args: args.value.trim() === "" ? [] : args.value.trim().split(/\s+/),
      data: dataFiles(),
    };
    worker.postMessage(request);
  }

  function receive(message: RunMessage): void {
    if (message.type === "lines") for (const { kind, text } of message.lines) output.print(kind, text);
    else if (message.type === "file") output.file(message.name, message.bytes);
    else if (message.type === "removed") output.removeFile(message.name);
    else {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const where = message.line === undefined ? "" : ` in line ${message.line}`;
      if (message.line !== undefined) editor.mark(message.line);
      show(message.failed ? "failed" : "done", message.failed ? `Failed${where}` : `Ended after ${seconds} s`);
    }
  }

  function stop(state: State): void {
    worker?.terminate();
    worker = undefined;
    show(state, state === "stopped" ? "Stopped" : state === "failed" ? "Failed" : "");
  }

  function reset(): void {
    editor.text = original;
    changed();
  }

  async function share(): Promise<void> {
    const source = editor.text;
    const isOriginal = slot() !== SHARED && source === original;
    const hash = await toHash({ file: file(), args: args.value, ...(!isOriginal && { source }) });
    link.value = `${location.origin}${location.pathname}#${hash}`;
    link.hidden = false;
    link.select();
    const copied = await navigator.clipboard?.writeText(link.value).then(
      () => true,
      () => false,
    );
    status.textContent = copied ? "The link is copied." : "Copy the link below.";
  }

  function useThreads(): void {
    isolate().catch((error: Error) => output.print("error", `The page cannot use threads: ${error.message}`));
  }

  const follow = () => void openAddress().catch((error: Error) => output.print("error", error.message));
  select.onchange = () => void open();
  args.onchange = () => {
    saved.args[slot()] = args.value;
    keep();
  };
  args.onkeydown = (event) => event.key === "Enter" && run();
  window.addEventListener("hashchange", follow);
  void begin();

  return () => {
    left = true;
    window.removeEventListener("hashchange", follow);
    worker?.terminate();
    output.dispose();
    editor.dispose();
  };
}
