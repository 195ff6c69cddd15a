/** The curves of a training: loss of the training pictures, loss and accuracy of those that are held out. */
import type { Progress } from "./classroom.ts";

const HEIGHT = 140;
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 46, 22, 8];
const NAME_GAP = 12;

export function drawCurves(canvas: HTMLCanvasElement, history: readonly Progress[]): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 320;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(name).trim();
  context.font = `12px ${style.fontFamily}`;
  const most = Math.max(0.1, ...history.flatMap(({ loss, heldOutLoss }) => [loss, heldOutLoss]));
  const [plotWidth, plotHeight] = [width - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
  const x = (i: number) => LEFT + (plotWidth * i) / Math.max(1, history.length - 1);
  const y = (share: number) => TOP + plotHeight * (1 - share);

  context.strokeStyle = color("--vp-c-divider");
  context.fillStyle = color("--vp-c-text-2");
  for (const share of [0, 0.5, 1]) {
    context.beginPath();
    context.moveTo(LEFT, y(share));
    context.lineTo(width - RIGHT, y(share));
    context.stroke();
    context.textBaseline = "middle";
    context.textAlign = "right";
    context.fillText((most * share).toFixed(1), LEFT - 6, y(share));
    context.textAlign = "left";
    context.fillText(`${100 * share} %`, width - RIGHT + 6, y(share));
  }

  const curves: [string, string, number[], (i: Progress) => number][] = [
    ["loss", "--teach-loss", [], ({ loss }) => loss / most],
    ["held-out loss", "--teach-held", [4, 3], ({ heldOutLoss }) => heldOutLoss / most],
    ["held-out accuracy", "--teach-accuracy", [], ({ heldOutAccuracy }) => heldOutAccuracy],
  ];
  const names = curves.map(([name]) => context.measureText(name).width + NAME_GAP);
  const wide = names.reduce((sum, one) => sum + one) - NAME_GAP;
  let at = Math.max(0, Math.min(LEFT, width - wide)); // on a phone the names need all of the width
  for (const [i, [name, variable, dash, value]] of curves.entries()) {
    context.strokeStyle = context.fillStyle = color(variable);
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    for (const [epoch, progress] of history.entries()) context.lineTo(x(epoch), y(value(progress)));
    context.stroke();
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(name, at, 12);
    at += names[i];
  }
  context.setLineDash([]);
}
