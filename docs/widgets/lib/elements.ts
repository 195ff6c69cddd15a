/** Builds the elements of a widget. */
type Child = Node | string | number | null | undefined;

type Properties<E> = {
  [K in keyof E]?: E[K];
} & { class?: string; aria?: Record<string, string | number | boolean>; data?: Record<string, string | number> };

/**
 * An element with properties (`onclick`, `disabled` …), a class, `aria-` and `data-` attributes, and children.
 *
 * @example `h("button", { class: "primary", onclick: start }, "Start")`
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties<HTMLElementTagNameMap[Tag]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  const { class: className, aria, data, ...others } = properties as Properties<HTMLElement>;
  if (className) element.className = className;
  for (const [name, value] of Object.entries(aria ?? {})) element.setAttribute(`aria-${name}`, String(value));
  for (const [name, value] of Object.entries(data ?? {})) element.dataset[name] = String(value);
  Object.assign(element, others);
  element.append(
    ...children.filter((child) => child !== null && child !== undefined).map((child) => child as Node | string),
  );
  return element;
}

/** A slider with its name and its value beside it. `change` gets each new value. */
export function slider(
  name: string,
  { min, max, step = 1, value }: { min: number; max: number; step?: number; value: number },
  change: (value: number) => void,
): { element: HTMLLabelElement; input: HTMLInputElement } {
  const shown = h("output", {}, value);
  const input = h("input", {
    type: "range",
    min: String(min),
    max: String(max),
    step: String(step),
    value: String(value),
  });
  input.oninput = () => {
    shown.value = input.value;
    change(Number(input.value));
  };
  return { element: h("label", { class: "slider" }, h("span", {}, name), input, shown), input };
}
