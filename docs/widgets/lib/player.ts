/** Plays a drawing step by step: buttons, and a slider to go to any step. */
import "./drawings.css";
import { h } from "./elements.ts";

export interface Player {
  readonly element: HTMLElement;
  readonly step: number;
  /** Whether the steps follow each other by themselves. */
  readonly playing: boolean;
  /** Sets the number of steps, and goes to one of them. */
  setSteps(count: number, step?: number): void;
  go(step: number): void;
  dispose(): void;
}

/** `show` draws a step: 0, 1 … Nothing moves until the reader presses "Play". */
export function player(show: (step: number) => void, milliseconds = 600): Player {
  let count = 1;
  let step = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const scrub = h("input", { type: "range", min: "0", value: "0", aria: { label: "Step" } });
  const shown = h("output", {});
  const play = h("button", { type: "button", class: "primary" }, "Play");
  const go = (next: number) => {
    step = Math.min(Math.max(next, 0), count - 1);
    scrub.value = String(step);
    scrub.ariaValueText = `step ${step + 1} of ${count}`;
    shown.value = `${step + 1} of ${count}`;
    show(step);
  };
  const pause = () => {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "Play";
  };
  play.onclick = () => {
    if (timer !== undefined) return pause();
    if (step === count - 1) go(0);
    play.textContent = "Pause";
    timer = setInterval(() => {
      go(step + 1);
      if (step === count - 1) pause();
    }, milliseconds);
  };
  const by = (difference: number) => () => {
    pause();
    go(step + difference);
  };
  scrub.oninput = () => {
    pause();
    go(Number(scrub.value));
  };
  const back = h("button", { type: "button", onclick: by(-1), aria: { label: "Step back" } }, "‹");
  const forward = h("button", { type: "button", onclick: by(1), aria: { label: "Step forward" } }, "›");
  return {
    element: h("div", { class: "controls player" }, play, back, forward, scrub, shown),
    get step() {
      return step;
    },
    get playing() {
      return timer !== undefined;
    },
    setSteps(steps, next = Math.min(step, steps - 1)) {
      count = steps;
      scrub.max = String(steps - 1);
      go(next);
    },
    go,
    dispose: pause,
  };
}
