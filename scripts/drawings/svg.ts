/**
 * A small builder of SVG drawings for the chapters. A drawing has its own background, and colours for light
 * and dark screens (`prefers-color-scheme`), because a page cannot style the inside of an `<img>`.
 */

/** Fills. Each has a light and a dark variant, and text on it is readable in both. */
export type Tone = "paper" | "cell" | "empty" | "blue" | "orange" | "green" | "purple" | "red";

/** The colours of light and dark screens: background, text, and the fills of cells and bars. */
const COLOURS: Record<string, readonly [light: string, dark: string]> = {
  paper: ["#ffffff", "#16181d"],
  ink: ["#1f2328", "#e6edf3"],
  faint: ["#59636e", "#9da7b3"],
  line: ["#6e7781", "#7d8590"],
  cell: ["#f0f2f4", "#262b33"],
  empty: ["#ffffff", "#16181d"],
  blue: ["#bcdcff", "#17497f"],
  orange: ["#ffd8b0", "#74420f"],
  green: ["#bfe9c8", "#1d5c30"],
  purple: ["#e0d0fa", "#553a86"],
  red: ["#ffc9c4", "#82201c"],
  bar: ["#b4bac1", "#59626d"],
  ships: ["#2a6f97", "#62aee0"],
  ceiling: ["#c1121f", "#ff7b72"],
};

const variables = (variant: 0 | 1) =>
  Object.entries(COLOURS)
    .map(([name, pair]) => `--${name}:${pair[variant]}`)
    .join(";");

const FILLS: Tone[] = ["paper", "cell", "empty", "blue", "orange", "green", "purple", "red"];

const STYLE = [
  `svg{${variables(0)}}`,
  `@media(prefers-color-scheme:dark){svg{${variables(1)}}}`,
  "text{font:14px system-ui,sans-serif;fill:var(--ink)}",
  "text.faint{fill:var(--faint)}text.bold{font-weight:bold}text.small{font-size:12px}text.code{font-family:monospace}",
  ...FILLS.map((tone) => `.${tone}{fill:var(--${tone})}`),
  "rect.edge{stroke:var(--line)}rect.empty{stroke-dasharray:3 3}",
  ".frame{fill:none;stroke:var(--ink);stroke-width:2.5}",
  "path.line{fill:none;stroke:var(--line);stroke-width:1.5}path.strong{stroke:var(--ink)}path.dashed{stroke-dasharray:5 4}",
  "path.head{fill:var(--line)}path.head.strong{fill:var(--ink)}",
  ".bar{fill:var(--bar)}.ships{fill:var(--ships)}path.ceiling{stroke:var(--ceiling);stroke-dasharray:4 3}",
].join("");

/** One decimal at most. */
const number = (value: number) => String(Math.round(value * 10) / 10);

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export interface TextOptions {
  anchor?: "start" | "middle" | "end";
  /** Any of "faint", "bold", "small", "code". */
  look?: string;
}

export interface LineOptions {
  /** Any of "strong", "dashed", "ceiling". */
  look?: string;
  /** Whether a head is drawn at the end. */
  arrow?: boolean;
}

export class Drawing {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly #parts: string[] = [];

  constructor(title: string, width: number, height: number) {
    this.title = title;
    this.width = width;
    this.height = height;
  }

  text(x: number, y: number, text: string, { anchor = "start", look = "" }: TextOptions = {}): void {
    const where = anchor === "start" ? "" : ` text-anchor="${anchor}"`;
    const classes = look ? ` class="${look}"` : "";
    this.#parts.push(`<text x="${number(x)}" y="${number(y)}"${where}${classes}>${escaped(text)}</text>`);
  }

  /** A rectangle with an edge and a label in its middle. */
  cell(
    x: number,
    y: number,
    width: number,
    height: number,
    label: string | number,
    tone: Tone = "cell",
    look = "",
  ): void {
    this.#rect(x, y, width, height, `edge ${tone}`);
    if (label !== "") this.text(x + width / 2, y + height / 2 + 5, String(label), { anchor: "middle", look });
  }

  /** Cells side by side and below each other, `size` wide and high. */
  grid(
    x: number,
    y: number,
    size: number,
    rows: readonly (readonly (string | number)[])[],
    toneOf: (row: number, column: number) => Tone = () => "cell",
    look = "",
  ): void {
    rows.forEach((row, i) => {
      row.forEach((label, j) => {
        this.cell(x + j * size, y + i * size, size, size, label, toneOf(i, j), look);
      });
    });
  }

  /** A thick outline. */
  frame(x: number, y: number, width: number, height: number): void {
    this.#rect(x, y, width, height, "frame");
  }

  /** A bar of a chart, without an edge. */
  bar(x: number, y: number, width: number, height: number, look: "bar" | "ships"): void {
    this.#rect(x, y, width, height, look);
  }

  #rect(x: number, y: number, width: number, height: number, classes: string): void {
    const box = `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
    this.#parts.push(`<rect ${box} class="${classes}"/>`);
  }

  line(x1: number, y1: number, x2: number, y2: number, { look = "", arrow = false }: LineOptions = {}): void {
    const classes = ["line", look].filter(Boolean).join(" ");
    this.#parts.push(`<path d="M${number(x1)} ${number(y1)}L${number(x2)} ${number(y2)}" class="${classes}"/>`);
    if (!arrow) return;
    const [length, half] = [9, 4];
    const distance = Math.hypot(x2 - x1, y2 - y1);
    const [dx, dy] = [(x2 - x1) / distance, (y2 - y1) / distance];
    const [bx, by] = [x2 - length * dx, y2 - length * dy];
    const corners = [
      [x2, y2],
      [bx - half * dy, by + half * dx],
      [bx + half * dy, by - half * dx],
    ].map(([x, y]) => `${number(x)} ${number(y)}`);
    this.#parts.push(`<path d="M${corners.join("L")}Z" class="${["head", look].filter(Boolean).join(" ")}"/>`);
  }

  toString(): string {
    const { width, height, title } = this;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
      `<title>${escaped(title)}</title>`,
      `<style>${STYLE}</style>`,
      `<rect width="${width}" height="${height}" rx="8" class="paper"/>`,
      ...this.#parts,
      "</svg>\n",
    ].join("\n");
  }
}
