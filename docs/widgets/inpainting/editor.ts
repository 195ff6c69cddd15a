/** A picture from which the visitor brushes parts away, and what the network makes of the rest. */
import { h, slider } from "../lib/elements.ts";
import { SIDE } from "./shape.ts";

type Rgba = Uint8ClampedArray<ArrayBuffer>;

/** Pixels of the canvas for one pixel of the picture. */
const ZOOM = 10;
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface Editor {
  element: HTMLElement;
  /** Shows another picture, with what was brushed away before. */
  choose(picture: number, original: Rgba): void;
  /** Asks the network again, because it has changed. */
  refresh(): void;
}

/** `reconstruct` gets the picture's number and, for each pixel, 1 if it is given and 0 if it is hidden. */
export function editor(reconstruct: (picture: number, given: Uint8Array) => Promise<Rgba>): Editor {
  const given = new Uint8Array(SIDE * SIDE).fill(1);
  let original: Rgba = new Uint8ClampedArray(4 * SIDE * SIDE);
  let picture = 0;
  let size = 3;
  let hides = true;
  let cursor = { x: SIDE / 2, y: SIDE / 2, shown: false };
  let from: { x: number; y: number } | undefined;

  const small = new OffscreenCanvas(SIDE, SIDE);
  const canvas = h("canvas", {
    class: "brush",
    width: SIDE * ZOOM,
    height: SIDE * ZOOM,
    tabIndex: 0,
    role: "application",
    aria: { label: "Picture to brush on. Arrow keys move the brush, Space hides, Backspace shows again." },
  });
  const result = h("canvas", {
    width: SIDE,
    height: SIDE,
    role: "img",
    aria: { label: "What the network makes of it" },
  });

  // while the network works on one picture, only the latest change waits
  let busy = false;
  let waiting = false;
  async function ask(): Promise<void> {
    if (busy) {
      waiting = true;
      return;
    }
    busy = true;
    try {
      do {
        waiting = false;
        const pixels = await reconstruct(picture, given.slice());
        result.getContext("2d")!.putImageData(new ImageData(pixels, SIDE), 0, 0);
      } while (waiting);
      result.dataset.hidden = String(given.filter((one) => one === 0).length);
    } finally {
      busy = false;
    }
  }

  function draw(): void {
    small.getContext("2d")!.putImageData(new ImageData(original, SIDE), 0, 0);
    const context = canvas.getContext("2d")!;
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    for (let i = 0; i < given.length; i++) {
      if (given[i]) continue;
      const [x, y] = [(i % SIDE) * ZOOM, Math.floor(i / SIDE) * ZOOM];
      context.fillStyle = "#16121f";
      context.fillRect(x, y, ZOOM, ZOOM);
      context.fillStyle = "#3a3150";
      context.fillRect(x, y, ZOOM / 2, ZOOM / 2);
      context.fillRect(x + ZOOM / 2, y + ZOOM / 2, ZOOM / 2, ZOOM / 2);
    }
    if (!cursor.shown) return;
    const first = (at: number) => (at - Math.floor((size - 1) / 2)) * ZOOM;
    for (const [color, inset] of [
      ["#000", 0],
      ["#fff", 2],
    ] as const) {
      context.strokeStyle = color;
      context.lineWidth = 2;
      context.strokeRect(
        first(cursor.x) + inset,
        first(cursor.y) + inset,
        size * ZOOM - 2 * inset,
        size * ZOOM - 2 * inset,
      );
    }
  }

  function changed(): void {
    draw();
    void ask();
  }

  function dab(x: number, y: number, value: 0 | 1): void {
    const least = -Math.floor((size - 1) / 2);
    for (let dy = least; dy < least + size; dy++) {
      for (let dx = least; dx < least + size; dx++) {
        const [column, row] = [x + dx, y + dy];
        if (column >= 0 && column < SIDE && row >= 0 && row < SIDE) given[row * SIDE + column] = value;
      }
    }
  }

  /** A stroke from the last point to this one, without gaps. */
  function stroke(to: { x: number; y: number }, value: 0 | 1): void {
    const start = from ?? to;
    const count = Math.max(1, Math.abs(to.x - start.x), Math.abs(to.y - start.y));
    for (let i = 0; i <= count; i++) {
      dab(
        Math.round(start.x + ((to.x - start.x) * i) / count),
        Math.round(start.y + ((to.y - start.y) * i) / count),
        value,
      );
    }
    from = to;
    changed();
  }

  function pointOf({ clientX, clientY }: PointerEvent): { x: number; y: number } {
    const box = canvas.getBoundingClientRect();
    const at = (position: number, length: number) => Math.floor((position / length) * SIDE);
    return { x: at(clientX - box.left, box.width), y: at(clientY - box.top, box.height) };
  }

  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    cursor.shown = false;
    from = undefined;
    stroke(pointOf(event), hides ? 0 : 1);
  };
  canvas.onpointermove = (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) stroke(pointOf(event), hides ? 0 : 1);
  };
  canvas.onkeydown = (event) => {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const clamp = (at: number) => Math.min(SIDE - 1, Math.max(0, at));
      cursor = { x: clamp(cursor.x + arrow[0]), y: clamp(cursor.y + arrow[1]), shown: true };
      from = undefined;
      if (event.shiftKey) stroke(cursor, hides ? 0 : 1);
      else draw();
    } else if (event.key === " " || event.key === "Backspace" || event.key === "Delete") {
      cursor.shown = true;
      from = undefined;
      stroke(cursor, event.key === " " ? (hides ? 0 : 1) : 1);
    } else return;
    event.preventDefault();
  };
  canvas.onfocus = () => {
    cursor.shown = canvas.matches(":focus-visible");
    draw();
  };
  canvas.onblur = () => {
    cursor.shown = false;
    draw();
  };

  // something is hidden from the start, so that there is something to see
  for (let x = 8; x <= 22; x++) dab(x, 22 - Math.round(x / 2), 0);

  const mode = (text: string, value: boolean) => {
    const button = h("button", { type: "button", aria: { pressed: hides === value } }, text);
    button.onclick = () => {
      hides = value;
      for (const other of [hide, show]) other.setAttribute("aria-pressed", String(other === button));
    };
    return button;
  };
  const hide = mode("Hide", true);
  const show = mode("Show again", false);
  const clear = h("button", { type: "button" }, "Clear");
  clear.onclick = () => {
    given.fill(1);
    changed();
  };
  const brushSize = slider("Brush", { min: 1, max: 8, value: size }, (value) => {
    size = value;
  });

  const element = h(
    "section",
    { class: "editor", aria: { label: "Hide parts by hand" } },
    h("figure", {}, canvas, h("figcaption", {}, "Brush here to hide pixels")),
    h("figure", {}, result, h("figcaption", {}, "What the network makes of the rest")),
    h("div", { class: "tools" }, hide, show, clear, brushSize.element),
    h(
      "p",
      { class: "note" },
      "With the keyboard: arrow keys move the brush, Space hides, Backspace shows again; with Shift, moving brushes.",
    ),
  );
  return {
    element,
    choose(number, pixels) {
      picture = number;
      original = pixels;
      changed();
    },
    refresh: () => void ask(),
  };
}
