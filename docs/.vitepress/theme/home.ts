import VPHome from "vitepress/dist/client/theme-default/components/VPHome.vue";
import { defineComponent, h } from "vue";

/** VitePress' home page as the main part of the page, which it does not mark. */
export default defineComponent(
  (_, { slots }) =>
    () =>
      h("main", h(VPHome, null, slots)),
);
