/** The editor: CodeMirror with the site's colours. Escape, then Tab, leaves it. */
import { indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";

const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.comment, tags.docComment], color: "var(--code-comment)" },
  { tag: [tags.typeName, tags.className], color: "var(--code-type)" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.propertyName)],
    color: "var(--code-function)",
  },
]);

const theme = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--vp-c-bg)", color: "var(--vp-c-text-1)", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--vp-c-brand-1)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--vp-font-family-mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--vp-c-text-1)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--vp-c-text-1)" },
  ".cm-gutters": { backgroundColor: "var(--vp-c-bg-soft)", color: "var(--vp-c-text-2)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--vp-c-default-soft)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--vp-c-brand-soft)",
  },
  ".cm-wrong": { backgroundColor: "var(--vp-c-danger-soft)", boxShadow: "inset 3px 0 var(--vp-c-danger-1)" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--vp-c-bg-elv)", color: "var(--vp-c-text-1)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--vp-c-bg-soft)", color: "var(--vp-c-text-2)" },
});

const markLine = StateEffect.define<number | null>();

/** The line where a run has failed, until the text changes. */
const wrongLine = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(markLine)) continue;
      if (effect.value === null || effect.value > transaction.state.doc.lines) return Decoration.none;
      const { from } = transaction.state.doc.line(effect.value);
      return Decoration.set(Decoration.line({ class: "cm-wrong" }).range(from));
    }
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export interface Editor {
  text: string;
  /** Marks the line of an error and shows it; null takes the mark away. */
  mark(line: number | null): void;
  dispose(): void;
}

export function createEditor(parent: HTMLElement, { run, change }: { run(): void; change(): void }): Editor {
  let quiet = false;
  const runNow = () => {
    run();
    return true;
  };
  const extensions = [
    Prec.highest(keymap.of([{ key: "Mod-Enter", run: runNow }])),
    basicSetup,
    keymap.of([indentWithTab]),
    javascript({ typescript: true }),
    syntaxHighlighting(colors),
    theme,
    wrongLine,
    EditorView.contentAttributes.of({ tabindex: "0", "aria-label": "Program. Escape, then Tab, leaves the editor." }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged && !quiet) change();
    }),
  ];
  const stateOf = (doc: string) => EditorState.create({ doc, extensions });
  const view = new EditorView({ parent, state: stateOf("") });
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(text) {
      quiet = true;
      view.setState(stateOf(text)); // without a history: undo does not lead to another program
      quiet = false;
    },
    mark(line) {
      const effects: StateEffect<unknown>[] = [markLine.of(line)];
      if (line !== null && line <= view.state.doc.lines) {
        effects.push(EditorView.scrollIntoView(view.state.doc.line(line).from, { y: "center" }));
      }
      view.dispatch({ effects });
    },
    dispose: () => view.destroy(),
  };
}
