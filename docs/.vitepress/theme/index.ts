import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme-without-fonts";
import { nextPaint, nextTask } from "./tasks.ts";
import { Widget } from "./widget.ts";
import "./site.css";

export default {
  extends: DefaultTheme,
  async enhanceApp({ app, router }) {
    app.component("Widget", Widget);
    if (import.meta.env.SSR) return;
    await nextTask();
    router.onAfterPageLoad = async () => {
      router.onAfterPageLoad = undefined; // later pages come without a start
      await nextPaint();
    };
  },
} satisfies Theme;
