import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme-without-fonts";
import { Widget } from "./widget.ts";
import "./site.css";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("Widget", Widget);
  },
} satisfies Theme;
